"""W5 and W6: whole order journeys by a few clients, each on one kept connection."""

import dataclasses
import http.client
import json
import random
import statistics
import threading
import time
from typing import Any

import psycopg

from benchmarks.shop import DATABASE_URL, HOST, PORT, Data

CLIENTS = 8
ADDRESS = {
    "full_name": "Bench Customer", "address_line1": "1 Load Street", "city": "Austin", "state": "TX",
    "postal_code": "78701", "country": "US", "phone_number": "+1 555 0100",
}  # fmt: skip


@dataclasses.dataclass
class Outcome:
    """What one client saw."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)


def run(data: Data, *, seconds: float, hot: bool) -> dict[str, Any]:
    """Run journeys for some time; returns journeys per second, latencies, failures and the orders counted in the
    database. `hot` makes everybody buy the same two products."""
    empty_carts(data)
    before = paid_orders()
    outcomes = [Outcome() for _ in range(CLIENTS)]
    started = time.monotonic()
    threads = [
        threading.Thread(target=_client, args=(data, number, started + seconds, hot, outcomes[number]))
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - started
    times = sorted(entry for outcome in outcomes for entry in outcome.seconds)
    failures = [entry for outcome in outcomes for entry in outcome.failures]
    return {
        "per_second": len(times) / elapsed,
        "p50_ms": statistics.median(times) * 1000 if times else 0.0,
        "p99_ms": times[int(len(times) * 0.99)] * 1000 if times else 0.0,
        "errors": len(failures),
        "first_error": failures[0] if failures else "",
        "journeys": len(times),
        "orders_in_database": paid_orders() - before,
    }


def empty_carts(data: Data) -> None:
    """Clear what W4 has put into the customers' carts: a journey buys two products."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=30)
    for token in data.tokens:
        connection.request("POST", "/api/v1/cart/clear/", "{}", _headers(token))
        response = connection.getresponse()
        response.read()
        assert response.status < 300, response.status


def paid_orders() -> int:
    """Return how many paid orders the database holds."""
    with psycopg.connect(DATABASE_URL) as connection:
        row = connection.execute("SELECT count(*) FROM orders_order WHERE payment_status = 'paid'").fetchone()
    return int(row[0]) if row else 0


def _client(data: Data, number: int, deadline: float, hot: bool, outcome: Outcome) -> None:
    chance = random.Random(number)
    tokens = data.tokens[number::CLIENTS]
    connection = http.client.HTTPConnection(HOST, PORT, timeout=30)
    turn = 0
    while time.monotonic() < deadline:
        products = data.product_ids[:2] if hot else chance.sample(data.product_ids, 2)
        begun = time.monotonic()
        try:
            journey(connection, tokens[turn % len(tokens)], products)
        except (AssertionError, OSError, http.client.HTTPException) as error:
            outcome.failures.append(f"{type(error).__name__}: {error}"[:300])
            connection.close()
        else:
            outcome.seconds.append(time.monotonic() - begun)
        turn += 1


def journey(connection: http.client.HTTPConnection, token: str, products: list[str]) -> None:
    """Add two products, check out, pay. Raises AssertionError when an answer is not what it should be."""
    for product in products:
        call(connection, token, "cart/add/", {"product_id": product, "quantity": 1})
    order = call(
        connection,
        token,
        "cart/checkout/",
        {"shipping_address": ADDRESS, "shipping_method": "standard", "payment_method": "simulated"},
    )
    payment = call(connection, token, "payments/process/", {"order_id": order["id"], "provider": "simulated"})
    assert payment["status"] == "succeeded", payment


def call(connection: http.client.HTTPConnection, token: str, path: str, data: dict[str, Any]) -> dict[str, Any]:
    """POST and return the answer. Raises AssertionError unless it is 201."""
    connection.request("POST", f"/api/v1/{path}", json.dumps(data), _headers(token))
    response = connection.getresponse()
    body = response.read()
    assert response.status == 201, f"{path} {response.status} {body[:200]!r}"
    return json.loads(body)


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
