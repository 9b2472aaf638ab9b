"""How many SQL statements each write of the flat paths takes, with and without a guest's cart, with and without a key.

At most 9, and 16 for placing an order. What takes more is named below, with the reason.
"""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.payments.states import EntryKind
from apps.products.models import ProductImage
from tests import factories
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import message, pay, signed
from tests.contracts.test_statements import ALLOWED, ALLOWED_FOR_PLACING, place, signed_in, statements_of
from tests.http import ApiClient

pytestmark = pytest.mark.django_db


class Counts(dict[str, int]):
    """Name of the request → its statements."""

    def note(self, name: str, request: Callable[[], Any], status: int = 200) -> Any:
        """Send a request, count it and return its answer."""
        answers: list[Any] = []

        def send() -> Any:
            answers.append(request())
            return answers[0]

        self[name] = statements_of(send, status)
        return answers[0]

    def above(self, allowed: int) -> dict[str, int]:
        return {name: count for name, count in self.items() if count > allowed}


def guest_with(lines: int) -> ApiClient:
    """Return a guest with a cart of so many lines."""
    guest = ApiClient(Client())
    for _ in range(lines):
        add = {"product_id": str(factories.make_product(stock=1_000).id), "quantity": 2}
        guest.cart_token = guest.post("cart/add/", add).json().get("cart_token", guest.cart_token)
    return guest


def test_writes_of_accounts_take_at_most_9() -> None:
    counts, anyone, user = Counts(), ApiClient(Client()), factories.make_user()
    known = {"email": user.email, "password": factories.PASSWORD}
    counts.note("register", lambda: anyone.post("auth/register/", newcomer(1)), 201)
    first = counts.note("log in", lambda: anyone.post("auth/login/", known)).json()
    owner = ApiClient(Client(), access=first["access"])
    profile = {"first_name": "Ada", "last_name": "L", "username": "ada.lovelace", "phone": "1"}
    counts.note("refresh", lambda: anyone.post("auth/refresh/", {"refresh": first["refresh"]}))
    counts.note("refresh again", lambda: anyone.post("auth/refresh/", {"refresh": first["refresh"]}))
    counts.note("edit profile", lambda: owner.patch("auth/profile/", {"first_name": "Augusta"}))
    counts.note("replace profile", lambda: owner.put("auth/profile/", profile))
    counts.note("log out", lambda: owner.post("auth/logout/", {"refresh": first["refresh"]}), 204)
    assert counts.above(ALLOWED) == {}


@pytest.mark.parametrize("lines", [1, 10, 100])
def test_signing_in_with_a_guests_cart_takes_at_most_9(lines: int) -> None:
    counts, user = Counts(), factories.make_user()
    known = {"email": user.email, "password": factories.PASSWORD}
    guests = [guest_with(lines) for _ in range(3)]
    counts.note("register", lambda: guests[0].post("auth/register/", newcomer(lines)), 201)
    counts.note("log in, no cart", lambda: guests[1].post("auth/login/", known))
    counts.note("log in, a cart", lambda: guests[2].post("auth/login/", known))
    counts.note("log in again", lambda: guests[2].post("auth/login/", known))
    assert counts.above(ALLOWED) == {}


def test_writes_of_the_catalogue_take_at_most_9() -> None:
    counts, seller = Counts(), signed_in(factories.make_product().seller)
    full = shirt(category=str(factories.make_category().id))
    path = f"products/{counts.note('add product', lambda: seller.post('products/', full), 201).json()['id']}/"
    counts.note("add by name and price", lambda: seller.post("products/", {"name": "Cap", "price": "1"}), 201)
    counts.note("edit price", lambda: seller.patch(path, {"price": "12.00"}))
    counts.note("edit stock", lambda: seller.patch(path, {"stock_quantity": 3}))
    counts.note(
        "edit all but stock and category", lambda: seller.put(path, {"name": "Blouse", "price": "9", "sku": "B"})
    )
    counts.note("remove unsold product", lambda: seller.delete(path), 204)
    assert counts.above(ALLOWED) == {}


def test_what_a_product_is_given_beside_its_fields_takes_a_few_more() -> None:
    """Every thing that is its own row takes its statement: the bounds are what is left, whatever the number of tags.

    Tags: read, linked; new ones are written and read back, because a twin may have made them. A slug that is taken: the
    taken ones are read and the insert tried again. Everything at once: tags read (wanted, present), unlinked, linked,
    category, product, variant, stock (locked, changed, noted).
    """
    counts, seller = Counts(), signed_in(factories.make_product().seller)
    first, second, third = ({"category": str(factories.make_category().id)} for _ in range(3))
    red, green = {"tags": ["red", "blue"]}, {"tags": ["red", "green"]}
    made = counts.note("new tags", lambda: seller.post("products/", shirt(**first, **red)), 201).json()
    path = f"products/{made['id']}/"
    counts.note("known tags", lambda: seller.post("products/", shirt(name="Cap", sku="C", **first, **red)), 201)
    counts.note("slug is taken", lambda: seller.post("products/", shirt(sku="S-2", **first)), 201)
    changed = {"name": "Blouse", "price": "11.00", "sku": "B", "stock_quantity": 7}
    counts.note("all but tags", lambda: seller.put(path, shirt(**changed, **second)))
    changed |= {"name": "Dress", "price": "12.00", "sku": "D", "stock_quantity": 8}
    counts.note("all with new tags", lambda: seller.put(path, shirt(**changed, **third, **green)))
    bounds = {"new tags": 13, "known tags": 11, "slug is taken": 12, "all but tags": 10, "all with new tags": 15}
    assert {name: count for name, count in counts.items() if count > bounds[name]} == {}


def test_removing_a_product_with_everything_takes_a_few_more() -> None:
    """Each of the six tables that hang on a product takes a DELETE; PostgreSQL is told to check the keys now (2)."""
    counts, seller = Counts(), signed_in(factories.make_product().seller)
    made = seller.post("products/", shirt() | {"tags": ["red"]}).json()
    add = {"product_id": made["id"], "quantity": 1}
    assert signed_in(factories.make_user()).post("cart/add/", add).status_code == 201
    ProductImage.objects.create(product_id=made["id"], source_url="https://example.com/shirt.png")
    counts.note("remove", lambda: seller.delete(f"products/{made['id']}/"), 204)
    assert counts["remove"] <= (12 if connection.vendor == "postgresql" else 10)


def test_removing_a_sold_product_takes_at_most_9() -> None:
    factories.make_shipping()
    counts, product, buyer = Counts(), factories.make_product(), signed_in(factories.make_user())
    seller = signed_in(product.seller)
    buyer.post("cart/add/", {"product_id": str(product.id), "quantity": 1})
    assert place(buyer).status_code == 201
    counts.note("archive", lambda: seller.delete(f"products/{product.id}/"), 204)
    assert counts.above(ALLOWED) == {}


@pytest.mark.parametrize("is_guest", [True, False])
def test_writes_of_a_cart_take_at_most_9(is_guest: bool) -> None:
    counts, product = Counts(), factories.make_product(stock=1_000)
    client = ApiClient(Client()) if is_guest else signed_in(factories.make_user())
    add = {"product_id": str(product.id), "quantity": 1}
    first = counts.note("first add", lambda: client.post("cart/add/", add), 201).json()
    client.cart_token = first.get("cart_token", "")
    counts.note("second add", lambda: client.post("cart/", add), 201)
    another = {"product_id": str(factories.make_product().id), "quantity": 1}
    item = counts.note("another line", lambda: client.post("cart/add/", another), 201).json()["items"][0]["id"]
    counts.note("patch line", lambda: client.patch(f"cart/items/{item}/", {"quantity": 3}))
    counts.note("put line", lambda: client.put(f"cart/{item}/", {"quantity": 4}))
    counts.note("remove line", lambda: client.delete(f"cart/items/{item}/"), 204)
    counts.note("clear", lambda: client.post("cart/clear/"))
    counts.note("clear again", lambda: client.delete("cart/clear/"), 204)
    assert counts.above(ALLOWED) == {}


@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("is_guest", [True, False])
def test_writes_of_orders_and_payments_take_at_most_9_and_placing_16(is_guest: bool, key: bool) -> None:
    factories.make_shipping()
    counts, placing, admin = Counts(), Counts(), signed_in(factories.make_admin())
    client = guest_with(2) if is_guest else signed_in(factories.make_user())
    keys = itertools.count()

    def named() -> dict[str, str]:
        return {"Idempotency_Key": f"key-{next(keys)}"} if key else {}

    checkout = {"shipping_address": factories.ADDRESS, "payment_method": "simulated", "email": "guest@example.com"}
    add = {"product_id": str(factories.make_product(stock=1_000).id), "quantity": 1}

    def order_by(path: str, **headers: str) -> str:
        client.post("cart/add/", add)
        made = placing.note(path, lambda: client.post(path, checkout, **headers), 201).json()
        client.order_token = made.get("order_token", "")
        return str(made["id"])

    first = order_by("cart/checkout/", **named())
    bill = {"order_id": first, "provider": "simulated"}
    counts.note("pay", lambda: client.post("payments/process/", bill, **named()), 201)
    for step in ("processing", "shipped", "delivered", "returned"):
        counts.note(step, lambda s=step: admin.patch(f"orders/{first}/", {"status": s}))  # type: ignore[misc]
    client = client if not is_guest else guest_with(1)
    paid = order_by("orders/", **named())
    bill = {"order_id": paid, "provider": "simulated"}
    payment = client.post("payments/process/", bill).json()["id"]
    counts.note("verify", lambda: client.post(f"payments/{payment}/verify/"))
    counts.note("cancel", lambda: client.post(f"orders/{paid}/cancel/", **named()))
    client = client if not is_guest else guest_with(1)
    unpaid = order_by("orders/create/")
    counts.note("cancel by DELETE", lambda: client.delete(f"orders/{unpaid}/"))
    assert placing.above(ALLOWED_FOR_PLACING) == {}
    # A key is looked up and its answer kept; on a payment it is held by a lease before the provider is asked, too.
    bounds = {"pay": ALLOWED + 3, "cancel": ALLOWED + 1} if key else {}
    assert {name: count for name, count in counts.items() if count > bounds.get(name, ALLOWED)} == {}


def test_a_providers_message_takes_at_most_9() -> None:
    payment = pay(make_order(), "pm_sim_requires_action")
    body = message(payment, EntryKind.CAPTURED)
    counts, path = Counts(), "/api/v1/payments/webhook/simulated/"

    def send() -> Any:
        return Client().post(path, body, content_type="application/json", headers=signed(body))

    counts.note("message", send)
    counts.note("the same again", send)
    assert counts.above(ALLOWED) == {}


def newcomer(number: int) -> dict[str, str]:
    return {"email": f"new{number}@example.com", "username": f"new{number}", "password": factories.PASSWORD}


def shirt(**fields: Any) -> dict[str, Any]:
    """Return a product as sellers send it."""
    usual = {"name": "Shirt", "price": "10.00", "cost_price": "4.00", "sku": "S-1", "stock_quantity": 5}
    return {**usual, "description": "<p>Red</p>", **fields}
