"""How many SQL statements each workload takes, counted in this process on the benchmark's database.

BEGIN and COMMIT are not counted; savepoints would be, and there are none.
"""

import json
import os
from typing import Any

from benchmarks.journeys import ADDRESS
from benchmarks.shop import Data, environment


def count(data: Data) -> dict[str, int]:
    """Return the statements of one request (W1–W4) or one journey (W5, W6), with nothing cached."""
    os.environ.update(environment())
    import django
    from django.conf import settings

    django.setup()
    settings.CATALOGUE_CACHE_SECONDS, settings.ACCESS_LOG = 0, False
    ask = _Asker(data.tokens[-1])
    first, second = data.product_ids[:2]
    figures = {
        "W1": ask.statements("GET", "products/"),
        "W2": ask.statements("GET", f"products/{first}/"),
        "W3": ask.statements("GET", "products/?search=shirt"),
        "W4": ask.statements("POST", "cart/add/", {"product_id": first, "quantity": 1}),
    }
    journey = figures["W4"] + ask.statements("POST", "cart/add/", {"product_id": second, "quantity": 1})
    checkout = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment_method": "simulated"}
    journey += ask.statements("POST", "cart/checkout/", checkout)
    journey += ask.statements("POST", "payments/process/", {"order_id": ask.body["id"], "provider": "simulated"})
    return {**figures, "W5": journey, "W6": journey}


class _Asker:
    """Sends requests inside this process and counts their statements."""

    def __init__(self, token: str) -> None:
        from django.test import Client

        self.client = Client(headers={"Authorization": f"Bearer {token}", "Host": "127.0.0.1"})
        self.body: dict[str, Any] = {}

    def statements(self, method: str, path: str, data: dict[str, Any] | None = None) -> int:
        from django.db import connection

        seen: list[str] = []

        def note(execute: Any, sql: str, *rest: Any) -> Any:
            seen.append(sql)
            return execute(sql, *rest)

        headers = {} if method == "POST" else {"Authorization": ""}
        with connection.execute_wrapper(note):
            response = self.client.generic(
                method, f"/api/v1/{path}", json.dumps(data or {}), "application/json", headers=headers
            )
        if response.status_code >= 400:
            raise SystemExit(f"{path} answered {response.status_code}: {response.content[:300]!r}")
        self.body = response.json()
        return len(seen)
