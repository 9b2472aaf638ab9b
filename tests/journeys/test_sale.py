"""The whole path of a sale over HTTP, against a shop in its own processes, as a customer and as a guest."""

import csv
from pathlib import Path
from typing import Any

import pytest

from core.ids import new_id
from tests.running_shop import ROOT, Answer, RunningShop

pytestmark = pytest.mark.slow

ADDRESS = {
    "full_name": "Rahima Khatun", "address_line1": "12 Lake Road", "city": "Austin", "state": "TX",
    "postal_code": "78701", "country": "US", "phone_number": "+1 555 0199",
}  # fmt: skip
CATALOGUES = [ROOT.parent / "shared" / "data" / name for name in ("apparel.csv", "home-and-garden.csv")]
PASSWORD = "a-long-enough-pass"


class Visitor:
    """Somebody who talks to the shop; keeps what the shop hands out."""

    def __init__(self, shop: RunningShop, base: str = "/api/v1/") -> None:
        self.shop, self.base = shop, base
        self.access = self.cart_token = self.order_token = ""

    def ask(self, method: str, path: str, data: Any = None, expect: int = 200, **headers: str) -> Answer:
        answer = self.shop.ask(
            method, self.base + path, data,
            Authorization=f"Bearer {self.access}" if self.access else "",
            X_Cart_Token=self.cart_token, X_Order_Token=self.order_token, **headers,
        )  # fmt: skip
        assert answer.status == expect, (method, path, answer.status, answer.body)
        self.cart_token = answer.headers.get("x-cart-token", self.cart_token)
        return answer

    def invoice(self, order_id: str) -> Answer:
        """Ask for the invoice of a confirmed order until the worker has made it."""
        answers: list[Answer] = []

        def is_ready() -> bool:
            headers = {
                "Authorization": f"Bearer {self.access}" if self.access else "",
                "X_Order_Token": self.order_token,
            }
            answers.append(self.shop.ask("GET", f"{self.base}orders/{order_id}/invoice/", **headers))
            assert answers[-1].status in (200, 202), answers[-1]
            return answers[-1].status == 200

        self.shop.wait_for(is_ready)
        assert answers[-1].headers["content-type"] == "application/pdf"
        return answers[-1]

    def register(self) -> None:
        address = f"journey-{new_id().hex}@example.com"
        body = self.ask("POST", "auth/register/", {"email": address, "password": PASSWORD}, 201).body
        self.access = body["access"]

    def log_in(self, address: str, password: str = "demo-shop-pass") -> None:
        self.access = self.ask("POST", "auth/login/", {"email": address, "password": password}).body["access"]


def product_in_stock(visitor: Visitor, wanted: int = 1) -> dict[str, Any]:
    products = visitor.ask("GET", "products/?in_stock=true&page_size=100").body["results"]
    return next(entry for entry in products if entry["stock_quantity"] >= wanted)


def stock_of(visitor: Visitor, product_id: str) -> int:
    return int(visitor.ask("GET", f"products/{product_id}/").body["stock_quantity"])


def mails_about(shop: RunningShop, order_number: str) -> dict[str, str]:
    """Return subjects by Message-ID of the mails that name an order."""
    return {str(mail["Message-ID"]): str(mail["Subject"]) for mail in shop.mails() if order_number in str(mail)}


@pytest.mark.parametrize("base", ["/api/v1/", "/api/"])
def test_a_customer_buys_pays_gets_an_invoice_and_the_admin_ships(shop: RunningShop, base: str) -> None:
    visitor = Visitor(shop, base)
    product = product_in_stock(visitor, 3)
    before = stock_of(visitor, product["id"])
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)  # still a guest
    visitor.register()
    cart = visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201).body
    assert (cart["total_items"], len(cart["items"])) == (2, 1)  # the guest's cart came along

    order = visitor.ask(
        "POST", "cart/checkout/", {"shipping_address": ADDRESS, "payment_method": "simulated"}, 201
    ).body
    assert (order["status"], order["payment_status"]) == ("pending", "pending")
    assert visitor.ask("GET", "cart/").body["items"] == []
    assert stock_of(visitor, product["id"]) == before - 2
    visitor.ask("GET", f"orders/{order['id']}/invoice/", expect=409)

    payment = visitor.ask("POST", "payments/process/", {"order_id": order["id"], "provider": "simulated"}, 201).body
    assert (payment["status"], payment["amount"]) == ("succeeded", order["total_price"])
    paid = visitor.ask("GET", f"orders/{order['id']}/").body
    assert (paid["status"], paid["payment_status"]) == ("confirmed", "paid")
    assert visitor.invoice(order["id"]).raw.startswith(b"%PDF-")

    staff = Visitor(shop, base)
    staff.log_in("admin@example.com")
    for status in ("processing", "shipped", "delivered"):
        moved = staff.ask("PATCH", f"orders/{order['id']}/", {"status": status}).body
        assert moved["status"] == status
    staff.ask("PATCH", f"orders/{order['id']}/", {"status": "pending"}, 409)
    history = visitor.ask("GET", "orders/history/").body["results"]
    assert [entry["id"] for entry in history] == [order["id"]]
    assert history[0]["delivered_at"]

    shop.wait_for(lambda: len(mails_about(shop, order["order_number"])) >= 2)
    subjects = sorted(mails_about(shop, order["order_number"]).values())
    assert len(subjects) == len(set(subjects))


@pytest.mark.parametrize("base", ["/api/v1/", "/api/"])
def test_a_guest_buys_cash_on_delivery_and_cancels(shop: RunningShop, base: str) -> None:
    guest = Visitor(shop, base)
    product = product_in_stock(guest)
    before = stock_of(guest, product["id"])
    guest.ask("POST", "cart/", {"product_id": product["id"], "quantity": 1}, 201)
    assert guest.cart_token
    order = guest.ask(
        "POST", "orders/create/", {"shipping_address": "12 Lake Road, Austin", "email": "guest@example.com"}, 201
    ).body
    assert (order["status"], order["payment_method"]) == ("confirmed", "cod")
    guest.ask("GET", f"orders/{order['id']}/", expect=401)  # no token, no order
    guest.order_token = order["order_token"]
    assert guest.ask("GET", f"orders/{order['id']}/").body["order_number"] == order["order_number"]
    assert guest.invoice(order["id"]).raw.startswith(b"%PDF-")
    cancelled = guest.ask("POST", f"orders/{order['id']}/cancel/").body
    assert cancelled["status"] == "cancelled"
    assert stock_of(guest, product["id"]) == before
    guest.ask("POST", f"orders/{order['id']}/cancel/", expect=409)
    shop.wait_for(lambda: len(mails_about(shop, order["order_number"])) >= 1)


def test_a_cancelled_paid_order_is_refunded(shop: RunningShop) -> None:
    visitor = Visitor(shop)
    visitor.register()
    product = product_in_stock(visitor)
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)
    order = visitor.ask("POST", "orders/", {"shipping_address": ADDRESS, "payment_method": "simulated"}, 201).body
    payment = visitor.ask("POST", "payments/process/", {"order_id": order["id"], "provider": "simulated"}, 201).body
    visitor.ask("DELETE", f"orders/{order['id']}/")
    shop.wait_for(lambda: visitor.ask("GET", f"payments/{payment['id']}/").body["status"] == "refunded")
    assert visitor.ask("GET", f"orders/{order['id']}/").body["payment_status"] == "refunded"


@pytest.mark.parametrize(
    ("token", "first", "finally_"),
    [
        ("pm_sim_settles_late", "processing", "succeeded"),
        ("pm_sim_settles_twice", "succeeded", "succeeded"),
        ("pm_sim_requires_action", "requires_action", "succeeded"),
        ("pm_sim_declined", "failed", "failed"),
    ],
)
def test_the_simulated_provider_behaves_as_its_token_says(
    shop: RunningShop, token: str, first: str, finally_: str
) -> None:
    visitor = Visitor(shop)
    visitor.register()
    product = product_in_stock(visitor)
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)
    order = visitor.ask("POST", "orders/", {"shipping_address": ADDRESS, "payment_method": "simulated"}, 201).body
    data = {"order_id": order["id"], "provider": "simulated", "payment_method_id": token}
    payment = visitor.ask("POST", "payments/process/", data, 201).body
    assert payment["status"] == first

    def status_after_asking_the_provider() -> str:
        return str(visitor.ask("POST", f"payments/{payment['id']}/verify/").body["status"])

    shop.wait_for(lambda: status_after_asking_the_provider() == finally_)
    expected = "paid" if finally_ == "succeeded" else "failed"
    assert visitor.ask("GET", f"orders/{order['id']}/").body["payment_status"] == expected
    if expected == "failed":  # the customer tries again with another card
        data["payment_method_id"] = "pm_sim_success"
        assert visitor.ask("POST", "payments/process/", data, 201).body["status"] == "succeeded"
        assert visitor.ask("GET", f"orders/{order['id']}/").body["payment_status"] == "paid"


def catalogue_files() -> list[Path]:
    """Return the real product exports if they are at hand, else the project's own sample."""
    present = [path for path in CATALOGUES if path.exists()]
    return present or [ROOT / "sample_data" / "products.csv"]


@pytest.mark.parametrize("path", catalogue_files(), ids=lambda path: path.name)
def test_a_real_catalogue_is_imported_and_sold(shop: RunningShop, path: Path) -> None:
    shop.manage("import_products", str(path))
    again = shop.manage("import_products", str(path))
    assert "0 created, 0 updated" in again.stdout + again.stderr
    with path.open(newline="", encoding="utf-8-sig") as file:
        handles = {row["Handle"] for row in csv.DictReader(file)}
    visitor = Visitor(shop)
    visitor.register()
    listed: list[dict[str, Any]] = []
    page = "products/?page_size=100"
    while page:
        body = visitor.ask("GET", page).body
        listed += body["results"]
        page = "" if body["next"] is None else body["next"].split("/api/v1/")[1]
    imported = {entry["slug"]: entry for entry in listed if entry["slug"] in handles}
    assert len(imported) >= len(handles) - 1
    product = next(entry for entry in imported.values() if entry["stock_quantity"] >= 1)
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)
    order = visitor.ask("POST", "cart/checkout/", {"shipping_address": ADDRESS}, 201).body
    assert order["items"][0]["name"].startswith(product["name"])


def test_the_shop_is_consistent_afterwards(shop: RunningShop) -> None:
    shop.manage("verify_invariants")
