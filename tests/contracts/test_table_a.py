"""Every row of Table A under /api/v1/ and /api/: it answers in the contract's shape, to right and wrong role."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.test import Client

from core.events.worker import deliver_all_due
from tests import factories
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
BASES = ["/api/v1/", "/api/"]
PRODUCT = {
    "id", "name", "slug", "sku", "description", "category", "category_name", "price", "compare_at_price",
    "discount_percentage", "currency", "stock_quantity", "in_stock", "image_url", "is_active", "created_at",
    "updated_at",
}  # fmt: skip
CART = {"id", "items", "total_items", "subtotal", "currency"}
CART_ITEM = {"id", "product_id", "variant_id", "name", "sku", "quantity", "unit_price", "line_total", "in_stock"}
ORDER = {
    "id", "order_number", "status", "payment_status", "payment_method", "items", "subtotal", "discount_amount",
    "tax_amount", "shipping_cost", "total_price", "currency", "shipping_address", "billing_address", "created_at",
    "updated_at", "delivered_at", "carrier", "tracking_number", "tracking_url",
}  # fmt: skip
ORDER_ITEM = {"id", "product_id", "variant_id", "name", "sku", "quantity", "unit_price", "total"}
PAYMENT = {
    "id", "order_id", "provider", "status", "amount", "currency", "transaction_id", "client_secret", "redirect_url",
    "created_at",
}  # fmt: skip
USER = {"id", "email", "username", "first_name", "last_name", "phone", "role", "date_joined"}
PROBLEM = {"type", "title", "status", "detail", "code", "request_id", "errors"}
NOBODYS = "0198f000-0000-7000-8000-000000000000"


class House:
    """A small shop and one client for each kind of caller."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.seller_account, self.customer_account = factories.make_seller(), factories.make_user()
        self.category = factories.make_category()
        self.product = factories.make_product(seller=self.seller_account, category=self.category, stock=50)
        factories.make_shipping()
        self.anonymous = self.client("")
        self.customer = self.client(factories.access_token_of(self.customer_account))
        self.other = self.client(factories.access_token_of(factories.make_user()))
        self.seller = self.client(factories.access_token_of(self.seller_account))
        self.other_seller = self.client(factories.access_token_of(factories.make_seller()))
        self.admin = self.client(factories.access_token_of(factories.make_admin()))

    def client(self, access: str) -> ApiClient:
        return ApiClient(Client(), access=access, base=self.base)

    def put_in_cart(self, client: ApiClient | None = None, quantity: int = 2) -> dict[str, Any]:
        data = {"product_id": str(self.product.id), "quantity": quantity}
        return ok((client or self.customer).post("cart/add/", data), 201)

    def order(self, **fields: Any) -> dict[str, Any]:
        self.put_in_cart()
        data = {"shipping_address": factories.ADDRESS, "payment_method": "simulated", **fields}
        return ok(self.customer.post("cart/checkout/", data), 201)

    def paid_order(self) -> tuple[dict[str, Any], dict[str, Any]]:
        order = self.order()
        data = {"order_id": order["id"], "provider": "simulated"}
        return order, ok(self.customer.post("payments/process/", data), 201)


@pytest.fixture(params=BASES)
def house(request: pytest.FixtureRequest, db: None) -> House:
    return House(request.param)


def ok(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json() if response.content else None


def refused(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert set(body) >= PROBLEM
    assert body["status"] == status
    if code:
        assert body["code"] == code
    return body  # type: ignore[no-any-return]


def test_register_login_refresh_logout(house: House) -> None:
    data = {"email": "New@Example.com", "password": "a-long-enough-pass", "password2": "a-long-enough-pass"}
    body = ok(house.anonymous.post("auth/register/", {**data, "role": "admin"}), 201)
    assert set(body) >= {"user", "access", "refresh"}
    assert set(body["user"]) == USER
    assert (body["user"]["email"], body["user"]["role"]) == ("new@example.com", "customer")
    refused(house.anonymous.post("auth/register/", data), 400)
    refused(
        house.anonymous.post("auth/register/", {**data, "email": "b@example.com", "password2": "another-pass"}), 400
    )
    login = ok(house.anonymous.post("auth/login/", {"email": "new@example.com", "password": data["password"]}))
    assert set(login) >= {"user", "access", "refresh"}
    refused(house.anonymous.post("auth/login/", {"email": "new@example.com", "password": "wrong"}), 401)
    fresh = ok(house.anonymous.post("auth/refresh/", {"refresh": login["refresh"]}))
    assert set(fresh) == {"access", "refresh"}
    signed_in = house.client(fresh["access"])
    ok(signed_in.get("auth/profile/"))
    ok(signed_in.post("auth/logout/", {"refresh": fresh["refresh"]}), 204)
    refused(signed_in.get("auth/profile/"), 401)
    refused(house.anonymous.post("auth/refresh/", {"refresh": fresh["refresh"]}), 401)
    refused(house.anonymous.post("auth/logout/", {"refresh": fresh["refresh"]}), 401)


def test_profile(house: House) -> None:
    assert set(ok(house.customer.get("auth/profile/"))) == USER
    patched = ok(
        house.customer.patch("auth/profile/", {"first_name": "Ada", "role": "admin", "email": "x@example.com"})
    )
    assert (patched["first_name"], patched["role"]) == ("Ada", "customer")
    assert patched["email"] == house.customer_account.email
    ok(
        house.customer.put(
            "auth/profile/", {"first_name": "Ada", "last_name": "L", "phone": "+1 555", "username": "ada"}
        )
    )
    refused(house.anonymous.get("auth/profile/"), 401)


def test_products_are_public_and_written_by_their_seller_or_an_admin(house: House) -> None:
    page = ok(house.anonymous.get("products/"))
    assert set(page) == {"count", "next", "previous", "results"}
    assert set(page["results"][0]) == PRODUCT
    assert set(ok(house.anonymous.get(f"products/{house.product.id}/"))) == PRODUCT
    refused(house.anonymous.get(f"products/{NOBODYS}/"), 404)
    data = {"name": "Teapot", "description": "Blue", "price": "12.50", "stock_quantity": 3}
    refused(house.anonymous.post("products/", data), 401)
    refused(house.customer.post("products/", data), 403)
    made = ok(house.seller.post("products/", data), 201)
    assert (made["name"], made["price"], made["stock_quantity"], made["in_stock"]) == ("Teapot", "12.50", 3, True)
    path = f"products/{made['id']}/"
    refused(house.anonymous.patch(path, {"price": "1.00"}), 401)
    refused(house.customer.patch(path, {"price": "1.00"}), 403)
    refused(house.other_seller.patch(path, {"price": "1.00"}), 403)
    assert ok(house.anonymous.get(path))["price"] == "12.50"
    assert ok(house.seller.patch(path, {"price": "13.00"}))["price"] == "13.00"
    assert ok(house.admin.put(path, {**data, "price": "14.00"}))["price"] == "14.00"
    refused(house.other_seller.delete(path), 403)
    ok(house.seller.delete(path), 204)
    refused(house.anonymous.get(path), 404)


def test_categories(house: House) -> None:
    listed = ok(house.anonymous.get("categories/"))
    entries = listed["results"] if isinstance(listed, dict) else listed
    assert [entry["id"] for entry in entries] == [str(house.category.id)]
    one = ok(house.anonymous.get(f"categories/{house.category.id}/"))
    assert str(house.product.id) in json.dumps(one)
    refused(house.anonymous.get(f"categories/{NOBODYS}/"), 404)


def test_cart_of_a_customer(house: House) -> None:
    assert set(ok(house.customer.get("cart/"))) >= CART
    cart = house.put_in_cart()
    assert set(cart) >= CART
    assert set(cart["items"][0]) == CART_ITEM
    again = ok(house.customer.post("cart/", {"product_id": str(house.product.id), "quantity": 1}), 201)
    assert (again["total_items"], again["subtotal"]) == (3, "30.00")
    item = again["items"][0]["id"]
    for path in (f"cart/items/{item}/", f"cart/{item}/"):
        assert ok(house.customer.get(path))["quantity"] == 3
        refused(house.other.get(path), 404)
        refused(house.other.patch(path, {"quantity": 1}), 404)
        refused(house.other.delete(path), 404)
    assert ok(house.customer.patch(f"cart/items/{item}/", {"quantity": 5}))["total_items"] == 5
    assert ok(house.customer.put(f"cart/{item}/", {"quantity": 4}))["total_items"] == 4
    ok(house.customer.delete(f"cart/items/{item}/"), 204)
    assert ok(house.customer.get("cart/"))["items"] == []
    house.put_in_cart()
    assert ok(house.customer.post("cart/clear/"))["items"] == []
    house.put_in_cart()
    ok(house.customer.delete("cart/clear/"), 204)
    assert ok(house.customer.get("cart/"))["total_items"] == 0
    refused(house.customer.post("cart/add/", {"product_id": NOBODYS, "quantity": 1}), 404)


def test_cart_of_a_guest(house: House) -> None:
    response = house.anonymous.post("cart/add/", {"product_id": str(house.product.id), "quantity": 1})
    ok(response, 201)
    guest = ApiClient(Client(), cart_token=response["X-Cart-Token"], base=house.base)
    assert ok(guest.get("cart/"))["total_items"] == 1
    assert ok(house.anonymous.get("cart/"))["total_items"] == 0


@pytest.mark.parametrize("path", ["cart/checkout/", "orders/", "orders/create/"])
def test_three_ways_to_order_are_one(house: House, path: str) -> None:
    refused(house.customer.post(path, {"shipping_address": factories.ADDRESS}), 409, "cart_empty")
    house.put_in_cart()
    order = ok(house.customer.post(path, {"shipping_address": factories.ADDRESS}), 201)
    assert set(order) >= ORDER
    assert set(order["items"][0]) == ORDER_ITEM
    figures = [order[name] for name in ("subtotal", "shipping_cost", "tax_amount", "discount_amount", "total_price")]
    assert figures == ["20.00", "5.00", "0.00", "0.00", "25.00"]
    assert (order["status"], order["payment_status"], order["payment_method"]) == ("confirmed", "pending", "cod")


@pytest.mark.parametrize("path", ["cart/checkout/", "orders/", "orders/create/"])
def test_a_guest_orders_with_an_email_and_gets_a_token(house: House, path: str) -> None:
    response = house.anonymous.post("cart/add/", {"product_id": str(house.product.id), "quantity": 1})
    guest = ApiClient(Client(), cart_token=response["X-Cart-Token"], base=house.base)
    problem = refused(guest.post(path, {"shipping_address": "1 Lane, Austin"}), 400)
    assert [error["field"] for error in problem["errors"]] == ["email"]
    order = ok(guest.post(path, {"shipping_address": "1 Lane, Austin", "email": "guest@example.com"}), 201)
    refused(house.anonymous.get(f"orders/{order['id']}/"), 401)
    guest.order_token = "not-the-token-of-this-order"
    refused(guest.get(f"orders/{order['id']}/"), 404)
    refused(house.customer.get(f"orders/{order['id']}/"), 404)
    guest.order_token = order["order_token"]
    seen = ok(guest.get(f"orders/{order['id']}/"))
    assert "order_token" not in seen


def test_orders_are_seen_by_those_they_concern(house: House) -> None:
    order = house.order()
    assert [entry["id"] for entry in ok(house.customer.get("orders/"))["results"]] == [order["id"]]
    assert ok(house.other.get("orders/"))["results"] == []
    assert [entry["id"] for entry in ok(house.seller.get("orders/"))["results"]] == [order["id"]]
    assert ok(house.other_seller.get("orders/"))["results"] == []
    assert [entry["id"] for entry in ok(house.admin.get("orders/"))["results"]] == [order["id"]]
    refused(house.anonymous.get("orders/"), 401)
    path = f"orders/{order['id']}/"
    for client in (house.customer, house.seller, house.admin):
        assert ok(client.get(path))["id"] == order["id"]
    refused(house.other.patch(path, {"status": "cancelled"}), 403)  # no customer may, whosesoever order it is
    refused(house.other_seller.patch(path, {"status": "cancelled"}), 404)
    for client in (house.other, house.other_seller):
        refused(client.get(path), 404)
        refused(client.delete(path), 404)
        refused(client.post(f"{path}cancel/"), 404)
        refused(client.get(f"{path}invoice/"), 404)


def test_status_moves_along_the_table_only(house: House) -> None:
    order, _ = house.paid_order()
    path = f"orders/{order['id']}/"
    refused(house.customer.patch(path, {"status": "processing"}), 403)
    refused(house.admin.patch(path, {"status": "delivered"}), 409, "invalid_transition")
    refused(house.admin.patch(path, {"status": "nonsense"}), 400)
    assert ok(house.seller.patch(path, {"status": "processing"}))["status"] == "processing"
    assert ok(house.admin.put(path, {"status": "shipped"}))["status"] == "shipped"
    refused(house.customer.delete(path), 409, "invalid_transition")
    assert ok(house.admin.patch(path, {"status": "delivered"}))["delivered_at"]
    assert [entry["id"] for entry in ok(house.customer.get("orders/history/"))["results"]] == [order["id"]]


@pytest.mark.parametrize("way", ["delete", "post"])
def test_cancelling_gives_the_stock_back(house: House, way: str) -> None:
    order = house.order()
    path = f"orders/{order['id']}/"
    response = house.customer.delete(path) if way == "delete" else house.customer.post(f"{path}cancel/")
    assert ok(response)["status"] == "cancelled"
    assert ok(house.admin.get(f"products/{house.product.id}/"))["stock_quantity"] == 50


def test_invoice(house: House) -> None:
    order = house.order()
    path = f"orders/{order['id']}/invoice/"
    refused(house.customer.get(path), 409)
    ok(house.customer.post("payments/process/", {"order_id": order["id"], "provider": "simulated"}), 201)
    preparing = house.customer.get(path)
    assert (preparing.status_code, preparing["Location"].endswith(path)) == (202, True)
    deliver_all_due()
    for client in (house.customer, house.admin):
        response = client.get(path)
        assert response.status_code == 200
        assert response["Content-Type"] == "application/pdf"
        assert response.content.startswith(b"%PDF-")
    refused(house.anonymous.get(path), 401)


def test_payments(house: House) -> None:
    order = house.order()
    data = {"order_id": order["id"], "provider": "simulated"}
    refused(house.other.post("payments/process/", data), 404)
    refused(house.customer.post("payments/process/", {**data, "provider": "nonsense"}), 400)
    refused(house.customer.post("payments/process/", {**data, "order_id": NOBODYS}), 404)
    payment = ok(house.customer.post("payments/process/", data), 201)
    assert set(payment) == PAYMENT
    assert (payment["status"], payment["amount"], payment["currency"]) == ("succeeded", order["total_price"], "USD")
    path = f"payments/{payment['id']}/"
    for client in (house.customer, house.admin):
        assert ok(client.get(path))["status"] == "succeeded"
        assert ok(client.post(f"{path}verify/"))["status"] == "succeeded"
    refused(house.other.get(path), 404)
    refused(house.other.post(f"{path}verify/"), 404)
    refused(house.anonymous.get(path), 401)


@pytest.mark.parametrize("path", ["payments/webhook/", "payments/webhook/simulated/"])
def test_webhooks_are_taken_only_with_a_signature(house: House, path: str) -> None:
    _, payment = house.paid_order()
    event = {
        "id": f"evt_{payment['id']}", "type": "payment.captured", "transaction_id": payment["transaction_id"],
        "amount": payment["amount"], "currency": payment["currency"],
    }  # fmt: skip
    refused(house.anonymous.post(path, event), 400)
    body, stamp = json.dumps(event), int(time.time())
    signature = hmac.new(b"whsec_test_simulated", f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
    response = house.anonymous.post(path, event, Simulated_Signature=f"t={stamp},v1={signature}")
    assert response.status_code == 200, response.content
    refused(house.anonymous.post("payments/webhook/nobody/", event), 404)


@pytest.mark.parametrize("value", [1, True, 1.5, [], {}, "", "not-an-id", NOBODYS + "0"])
def test_an_id_that_is_none_is_a_faulty_input_not_an_absent_thing(house: House, value: Any) -> None:
    problem = refused(house.customer.post("cart/add/", {"product_id": value, "quantity": 1}), 400)
    assert [error["field"] for error in problem["errors"]] == ["product_id"]
    problem = refused(house.customer.post("payments/process/", {"order_id": value, "provider": "simulated"}), 400)
    assert [error["field"] for error in problem["errors"]] == ["order_id"]
