"""One shop, three engines behind its outbox: whatever happens to orders ends in the same state with each of them."""

import re
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import override_settings

from tests.core import broker_kit
from tests.journeys.test_sale import ADDRESS, Visitor, product_in_stock, stock_of
from tests.running_shop import RunningShop, running_shop

pytestmark = pytest.mark.slow
OTHERS = {"new_order": "seller@example.com", "operator_refund": "admin@example.com"}  # of the demo
ENGINES = [
    "embedded",
    pytest.param("redis", marks=[pytest.mark.redis, pytest.mark.postgres]),
    pytest.param("rabbitmq", marks=[pytest.mark.rabbitmq, pytest.mark.postgres]),
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    folder = tmp_path_factory.mktemp(f"engine_{request.param}")
    broker = {}
    if request.param != "embedded":
        broker = {"CELERY_BROKER_URL": broker_kit.broker_url(request.param), "BROKER_PREFIX": f"test-{folder.name}."}
    with running_shop(folder, **broker) as shop:
        yield shop
    if broker:
        with override_settings(**broker):
            broker_kit.reload_app()
            broker_kit.forget_broker()


def buy(shop: RunningShop, token: str) -> tuple[Visitor, dict[str, Any], dict[str, Any]]:
    """Have a new customer order one unit of something and pay for it."""
    visitor = Visitor(shop)
    visitor.register()
    product = product_in_stock(visitor, 5)
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)
    order = visitor.ask("POST", "orders/", {"shipping_address": ADDRESS, "payment_method": "simulated"}, 201).body
    data = {"order_id": order["id"], "provider": "simulated", "payment_method_id": token}
    visitor.ask("POST", "payments/process/", data, 201)
    return visitor, order, product


def is_quiet(shop: RunningShop) -> bool:
    """Return whether every event is dispatched and every delivery done."""
    figures = shop.ask("GET", "/metrics").raw.decode()
    waiting = re.search(r"^shop_outbox_waiting_events ([\d.]+)$", figures, re.MULTILINE)
    states = re.findall(r'^shop_outbox_deliveries{state="(\w+)"} [1-9]', figures, re.MULTILINE)
    return waiting is not None and float(waiting[1]) == 0 and set(states) <= {"done"}


def mails_of(shop: RunningShop, order: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Return how often each kind of mail about an order went to whom."""
    return Counter(
        (str(mail["Message-ID"]).strip("<").split(".")[0], str(mail["To"]))
        for mail in shop.mails()
        if order["order_number"] in text_of(mail)
    )


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return f"{mail['Subject']}\n{body.get_content()}"


def one_each(visitor: Visitor, *kinds: str) -> Counter[tuple[str, str]]:
    """Return one mail of each kind, to whom it is for: the customer, unless the kind is somebody else's."""
    customer = visitor.ask("GET", "auth/profile/").body["email"]
    return Counter((kind, OTHERS.get(kind, customer)) for kind in kinds)


def state_of(visitor: Visitor, order: dict[str, Any]) -> tuple[str, str]:
    found = visitor.ask("GET", f"orders/{order['id']}/").body
    return found["status"], found["payment_status"]


def test_an_order_is_paid_invoiced_and_delivered_and_each_mail_is_sent_once(engine: RunningShop) -> None:
    visitor, order, product = buy(engine, "pm_sim_success")
    before = stock_of(visitor, product["id"])
    staff = Visitor(engine)
    staff.log_in("admin@example.com")
    for status in ("processing", "shipped", "delivered"):
        staff.ask("PATCH", f"orders/{order['id']}/", {"status": status})
    engine.wait_for(lambda: is_quiet(engine))
    assert state_of(visitor, order) == ("delivered", "paid")
    assert visitor.ask("GET", f"orders/{order['id']}/invoice/").raw.startswith(b"%PDF-")
    assert stock_of(visitor, product["id"]) == before
    assert mails_of(engine, order) == one_each(
        visitor, "order_confirmation", "order_paid", "new_order", "order_shipped", "order_delivered"
    )


def test_a_cancelled_order_gets_its_money_and_its_stock_back(engine: RunningShop) -> None:
    visitor, order, product = buy(engine, "pm_sim_success")
    taken = stock_of(visitor, product["id"])
    visitor.ask("DELETE", f"orders/{order['id']}/")
    engine.wait_for(lambda: state_of(visitor, order) == ("cancelled", "refunded") and is_quiet(engine))
    assert stock_of(visitor, product["id"]) == taken + 1
    assert mails_of(engine, order) == one_each(
        visitor, "order_confirmation", "order_paid", "new_order", "order_cancelled", "order_refunded", "operator_refund"
    )


def test_a_payment_that_settles_late_is_found_by_a_periodic_job(engine: RunningShop) -> None:
    visitor, order, _ = buy(engine, "pm_sim_settles_late")
    engine.wait_for(lambda: state_of(visitor, order) == ("confirmed", "paid"))  # nobody asks but the job
    engine.wait_for(lambda: is_quiet(engine))
    assert mails_of(engine, order) == one_each(visitor, "order_confirmation", "order_paid", "new_order")


def test_the_books_agree_and_nothing_is_left_lying(engine: RunningShop) -> None:
    engine.wait_for(lambda: is_quiet(engine))
    engine.manage("verify_invariants", "--max-age", "30")
    page = engine.ask("GET", "/api/health_check/").body
    assert (page["status"], page["parts"]["outbox"]) == ("ok", "ok")


def test_everything_stops_at_sigterm(engine: RunningShop) -> None:
    codes = {}
    for name in engine.background:
        process = engine.processes.pop(name)
        process.terminate()
        codes[name] = process.wait(30)
    assert codes == dict.fromkeys(engine.background, 0)
