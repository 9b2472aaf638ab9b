"""kill -9 of a server in the middle of a request with a key: the retry has one effect, and no key stays frozen."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from core.ids import new_id
from tests.running_shop import Answer, RunningShop, running_shop

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
LEASE_SECONDS = 200.0  # of which nobody waits a second: the clock of a server that is started again is moved
ORDER = {"shipping_address": "12 Lake Road, Austin", "email": "ada@example.com", "payment_method": "simulated"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    settings = {
        "IDEMPOTENCY_LEASE_SECONDS": f"{LEASE_SECONDS:.0f}",
        "DATABASE_LOCK_TIMEOUT_MS": "30000",  # who waits is killed before it gives up
    }
    with running_shop(tmp_path_factory.mktemp("killed"), with_quick_starts=True, **settings) as started:
        yield started


def guest_with_cart(shop: RunningShop) -> str:
    """Fill a guest's cart over HTTP and return its token."""
    page = shop.ask("GET", "/api/v1/products/?in_stock=true&page_size=100").body["results"]
    product = max(page, key=lambda entry: entry["stock_quantity"])
    added = shop.ask("POST", "/api/v1/cart/add/", {"product_id": product["id"], "quantity": 1})
    return added.headers["x-cart-token"]


def kill_in_the_middle(shop: RunningShop, held: str, path: str, data: dict[str, Any], **headers: str) -> None:
    """Hold the rows that `held` locks, send the request, and kill the server once it waits for them."""

    def send() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            shop.ask("POST", path, data, **headers)

    with psycopg.connect(shop.database_url) as holder, psycopg.connect(shop.database_url, autocommit=True) as watcher:
        holder.execute(held)
        request = threading.Thread(target=send)
        request.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        shop.wait_for(lambda: watcher.execute(waits).fetchone() != (0,))
        shop.kill("server")
        request.join()
    start_server(shop)


def start_server(shop: RunningShop, *, ahead_seconds: float = 0.0) -> None:
    shop.start("server", ahead_seconds=ahead_seconds)
    shop.wait_until_ready()


def count(shop: RunningShop, statement: str, *details: Any) -> int:
    with psycopg.connect(shop.database_url) as connection:
        return int(connection.execute(statement, details).fetchone()[0])  # type: ignore[index]


def retry(shop: RunningShop, path: str, data: dict[str, Any], **headers: str) -> Answer:
    """Repeat the request until it is answered otherwise than "in flight": the database hears of a death a bit later."""
    answers: list[Answer] = []

    def answered() -> bool:
        answers.append(shop.ask("POST", path, data, **headers))
        return answers[-1].status != 409 or answers[-1].body["code"] != "request_in_flight"

    shop.wait_for(answered)
    return answers[-1]


def test_a_checkout_killed_in_its_transaction_leaves_nothing_and_is_made_once_by_the_retry(shop: RunningShop) -> None:
    headers = {"X_Cart_Token": guest_with_cart(shop), "Idempotency_Key": str(new_id())}
    orders = count(shop, "SELECT count(*) FROM orders_order")

    kill_in_the_middle(shop, "SELECT 1 FROM inventory_stock FOR UPDATE", "/api/v1/cart/checkout/", ORDER, **headers)

    assert count(shop, "SELECT count(*) FROM orders_order") == orders
    answer = retry(shop, "/api/v1/cart/checkout/", ORDER, **headers)
    assert (answer.status, answer.headers.get("idempotent-replayed")) == (201, None)
    again = shop.ask("POST", "/api/v1/cart/checkout/", ORDER, **headers)
    assert (again.status, again.raw, again.headers["idempotent-replayed"]) == (201, answer.raw, "true")
    assert count(shop, "SELECT count(*) FROM orders_order") == orders + 1
    assert shop.manage("verify_invariants").returncode == 0


def test_a_payment_killed_on_its_way_is_taken_over_when_the_lease_ends_and_charges_once(shop: RunningShop) -> None:
    order = shop.ask("POST", "/api/v1/cart/checkout/", ORDER, X_Cart_Token=guest_with_cart(shop)).body
    data = {"order_id": order["id"], "provider": "simulated"}
    headers = {"X_Order_Token": order["order_token"], "Idempotency_Key": str(new_id())}

    kill_in_the_middle(shop, "SELECT 1 FROM orders_order FOR UPDATE", "/api/v1/payments/process/", data, **headers)
    held = "SELECT count(*) FROM core_idempotency_record WHERE locked_until IS NOT NULL"
    assert count(shop, held) == 1

    refused = shop.ask("POST", "/api/v1/payments/process/", data, **headers)
    shop.kill("server")
    start_server(shop, ahead_seconds=LEASE_SECONDS / 2)
    refused_later = shop.ask("POST", "/api/v1/payments/process/", data, **headers)
    shop.kill("server")
    start_server(shop, ahead_seconds=LEASE_SECONDS + 1)
    answer = shop.ask("POST", "/api/v1/payments/process/", data, **headers)

    for each in (refused, refused_later):
        assert (each.status, each.body["code"], each.headers["retry-after"]) == (409, "request_in_flight", "1")
    assert (answer.status, answer.body["status"]) == (201, "succeeded")
    again = shop.ask("POST", "/api/v1/payments/process/", data, **headers)
    assert (again.status, again.raw, again.headers["idempotent-replayed"]) == (201, answer.raw, "true")
    captured = (
        "SELECT count(*) FROM payments_paymententry e JOIN payments_payment p ON p.id = e.payment_id "
        "WHERE e.kind = 'captured' AND p.order_id = %s"
    )
    assert count(shop, captured, order["id"]) == 1
    assert count(shop, "SELECT count(*) FROM payments_payment WHERE order_id = %s", order["id"]) == 1
    assert count(shop, held) == 0
    assert shop.manage("verify_invariants").returncode == 0
