"""Each gateway through each door, over HTTP: paid, refunded in parts, and the provider's books are the shop's books."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake
from tests.journeys.test_sale import ADDRESS, Visitor, mails_about, product_in_stock
from tests.running_shop import RunningShop, running_shop

pytestmark = pytest.mark.slow
# Where a payment begins, and where it is read, by door. Orders are placed through v1 or the unversioned paths.
DOORS = {
    "/api/v1/": ("/api/v1/payments/process/", "/api/v1/payments/"),
    "/api/v2/": ("/api/v2/payments/create_intent/", "/api/v2/payments/"),
    "/api/": ("/api/payments/process/", "/api/payments/"),
    "/api/payments/": ("/api/payments/payments/create_intent/", "/api/payments/payments/"),
}
PROVIDERS = ("stripe", "sslcommerz", "simulated", "cod")


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeFake]:
    with StripeFake() as fake:
        yield fake
    assert fake.crashes == []


@pytest.fixture(scope="module")
def sslcommerz() -> Iterator[SslcommerzFake]:
    with SslcommerzFake() as fake:
        yield fake
    assert fake.crashes == []


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory, stripe: StripeFake, sslcommerz: SslcommerzFake) -> Iterator[Any]:
    """A shop that knows both stand-ins, and that they can reach."""
    with running_shop(
        tmp_path_factory.mktemp("till"),
        PAYMENT_PROVIDERS="cod,simulated,stripe,sslcommerz",
        PAYMENT_ALLOWED_NETWORKS="127.0.0.0/8",
        STOREFRONT_URL="http://127.0.0.1:1",
        STRIPE_API_URL=stripe.url,
        STRIPE_SECRET_KEY=stripe.secret_key,
        STRIPE_PUBLIC_KEY="pk_test_fake",
        STRIPE_WEBHOOK_SECRET=f"whsec_old,{stripe.webhook_secret}",
        SSLCOMMERZ_API_URL=sslcommerz.url,
        SSLCOMMERZ_STORE_ID=sslcommerz.store_id,
        SSLCOMMERZ_STORE_PASSWORD=sslcommerz.store_password,
    ) as shop:
        stripe.webhook_url = f"http://127.0.0.1:{shop.port}/api/v2/payments/webhook/stripe/"
        yield shop


def order_two(visitor: Visitor, provider: str) -> dict[str, Any]:
    product = product_in_stock(visitor, 10)
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 2}, 201)
    order: dict[str, Any] = visitor.ask(
        "POST", "cart/checkout/", {"shipping_address": ADDRESS, "payment_method": provider}, 201
    ).body
    return order


def play_payer(provider: str, payment: dict[str, Any], stripe: StripeFake, sslcommerz: SslcommerzFake) -> None:
    """Do what the payer does in a browser: fill in Stripe's form, or press Pay on SSLCommerz' page and come back."""
    if provider == "stripe":
        assert re.match(r"pi_\w+_secret_\w+$", payment["client_secret"])
        stripe.pay(payment["transaction_id"])
    if provider == "sslcommerz":
        sslcommerz.pay(payment["transaction_id"])
        assert sslcommerz.deliver_ipn(payment["transaction_id"]) == 200
        url, form = sslcommerz.browser_return(payment["transaction_id"])
        back = httpx.post(url, data=form, headers={"Origin": sslcommerz.url}, timeout=10)
        assert back.status_code == 303
        assert back.headers["Location"].startswith("http://127.0.0.1:1/checkout/return?")
        assert payment["id"] in back.headers["Location"]


def is_paid(visitor: Visitor, order_id: str) -> bool:
    return bool(visitor.ask("GET", f"orders/{order_id}/").body["payment_status"] == "paid")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_order_is_paid_delivered_and_refunded_line_by_line(
    till: RunningShop, stripe: StripeFake, sslcommerz: SslcommerzFake, provider: str, door: str
) -> None:
    begin, read = DOORS[door]
    visitor, admin = Visitor(till), Visitor(till)
    visitor.register()
    admin.log_in("admin@example.com")
    order = order_two(visitor, provider)
    path = f"/api/v1/orders/{order['id']}/"

    visitor.base = ""
    payment = visitor.ask("POST", begin, {"order_id": order["id"], "provider": provider}, 201).body
    assert (payment["provider"], payment["amount"], payment["currency"]) == (provider, order["total_price"], "USD")
    play_payer(provider, payment, stripe, sslcommerz)
    admin.base = visitor.base = "/api/v1/"
    for status in ("processing", "shipped", "delivered"):
        if provider != "cod":
            till.wait_for(lambda: is_paid(visitor, order["id"]))
        admin.ask("PATCH", f"orders/{order['id']}/", {"status": status})
    till.wait_for(lambda: is_paid(visitor, order["id"]))
    visitor.base = ""
    assert visitor.ask("GET", f"{read}{payment['id']}/").body["status"] == "succeeded"

    refund_line_by_line(till, admin, order)
    till.wait_for(lambda: visitor.ask("GET", path).body["payment_status"] == "refunded")
    books = {"stripe": stripe.ledger, "sslcommerz": sslcommerz.ledger}
    if provider in books:
        assert_books_agree(books[provider]()[payment["id"]], order)
    subjects = mails_about(till, order["order_number"]).values()
    assert sum("on its way back to you" in subject for subject in subjects) <= 2
    assert till.manage("verify_invariants").returncode == 0


def refund_line_by_line(till: RunningShop, admin: Visitor, order: dict[str, Any]) -> None:
    """Return one unit without the shipping, then whatever is left."""
    admin.base = "/api/v2/"
    item = order["items"][0]["id"]
    first = {"items": [{"item_id": item, "quantity": 1}], "reason": "one came broken", "restock": True}
    answer = admin.ask("POST", f"orders/{order['id']}/refunds/", first, 201, Idempotency_Key=f"first-{order['id']}")
    again = admin.ask("POST", f"orders/{order['id']}/refunds/", first, 201, Idempotency_Key=f"first-{order['id']}")
    assert (again.raw, again.headers["idempotent-replayed"]) == (answer.raw, "true")
    assert answer.body["lines"] == [{"item_id": item, "quantity": 1, "amount": answer.body["amount"]}]
    admin.ask("POST", f"orders/{order['id']}/refunds/", {"amount": "100000.00", "reason": "too much"}, 422)
    admin.ask("POST", f"orders/{order['id']}/refunds/", {"reason": "the rest"}, 201)


def assert_books_agree(told: dict[str, Any], order: dict[str, Any]) -> None:
    minor_units = int(order["total_price"].replace(".", ""))
    assert (told["captured"], told["refunded"], told["charges"]) == (minor_units, minor_units, 1)


def test_a_saved_card_is_charged_at_once_and_a_declined_one_leaves_the_order_payable(
    till: RunningShop, stripe: StripeFake
) -> None:
    visitor = Visitor(till)
    visitor.register()
    visitor.base = "/api/v2/"
    setup = visitor.ask("POST", "payment-methods/setup/", {"provider": "stripe"}, 201).body
    stripe.confirm_setup(setup["setup_id"])
    till.wait_for(lambda: len(saved(visitor)) == 1)
    (card,) = saved(visitor)
    assert (card["brand"], card["last4"], card["is_default"]) == ("visa", "4242", True)
    visitor.base = "/api/v1/"
    order = order_two(visitor, "stripe")
    declined = {"order_id": order["id"], "provider": "stripe", "payment_method_id": "pm_card_chargeDeclined"}
    assert visitor.ask("POST", "payments/process/", declined, 201).body["status"] == "failed"
    saved_card = {"order_id": order["id"], "provider": "stripe", "payment_method_id": card["id"]}
    assert visitor.ask("POST", "payments/process/", saved_card, 201).body["status"] == "succeeded"
    assert is_paid(visitor, order["id"])
    visitor.base = "/api/payments/"
    visitor.ask("DELETE", f"payment-methods/{card['id']}/", expect=204)
    assert saved(visitor) == []


def saved(visitor: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = visitor.ask("GET", "payment-methods/").body["results"]
    return found


def test_a_dispute_holds_the_order_until_it_is_won(till: RunningShop, stripe: StripeFake) -> None:
    visitor, admin = Visitor(till), Visitor(till)
    visitor.register()
    admin.log_in("admin@example.com")
    order = order_two(visitor, "stripe")
    payment = visitor.ask("POST", "payments/process/", {"order_id": order["id"], "provider": "stripe"}, 201).body
    stripe.pay(payment["transaction_id"])
    till.wait_for(lambda: is_paid(visitor, order["id"]))
    dispute = stripe.open_dispute(payment["transaction_id"])
    admin.base = "/api/v2/"
    till.wait_for(lambda: admin.ask("GET", f"orders/{order['id']}/escalations/").body["results"])
    admin.base = "/api/v1/"
    assert admin.ask("PATCH", f"orders/{order['id']}/", {"status": "processing"}, 409).body["code"] == "order_on_hold"
    stripe.close_dispute(dispute["id"], won=True)
    till.wait_for(lambda: admin.shop.ask(
        "PATCH", f"/api/v1/orders/{order['id']}/", {"status": "processing"}, Authorization=f"Bearer {admin.access}"
    ).status == 200)  # fmt: skip


def test_the_shop_and_its_stand_ins_have_nothing_to_explain(till: RunningShop) -> None:
    done = till.manage("reconcile_payments", "--hours", "1", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_of_a_provider_is_in_the_log(till: RunningShop, stripe: StripeFake, tmp_path: Path) -> None:
    log = (till.folder / "shop.log").read_text(errors="replace")
    for secret in (stripe.secret_key, stripe.webhook_secret, "_secret_", "store_passwd"):
        assert secret not in log
