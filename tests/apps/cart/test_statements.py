"""How many statements the cart takes: few, and the same for 10 and for 100 lines."""

import functools
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item
from apps.cart.stores.database import DatabaseCartStore
from core import clock
from core.ids import hash_token, new_token
from tests import factories

pytestmark = pytest.mark.django_db
ALLOWED = 9


def counted(client, lines: int) -> dict[str, int]:
    """Fill a cart and return how many statements each request takes then."""
    products = [factories.make_product(stock=100) for _ in range(lines)]
    for product in products:
        answer = client.post("cart/add/", {"product_id": str(product.pk), "quantity": 1})
        client.cart_token = client.cart_token or answer.headers.get("X-Cart-Token", "")
    items = [line["id"] for line in client.get("cart/").json()["items"]]
    new, old = str(factories.make_product().pk), str(products[0].pk)
    calls = {
        "read": lambda: client.get("cart/"),
        "read item": lambda: client.get(f"cart/items/{items[0]}/"),
        "add new": lambda: client.post("cart/add/", {"product_id": new, "quantity": 1}),
        "add again": lambda: client.post("cart/add/", {"product_id": old, "quantity": 1}),
        "add too many": lambda: client.post("cart/add/", {"product_id": old, "quantity": 100}),
        "set": lambda: client.patch(f"cart/items/{items[1]}/", {"quantity": 5}),
        "set too many": lambda: client.patch(f"cart/items/{items[1]}/", {"quantity": 500}),
        "remove": lambda: client.delete(f"cart/items/{items[2]}/"),
        "not there": lambda: client.delete(f"cart/items/{uuid.uuid4()}/"),
        "clear": lambda: client.post("cart/clear/"),
    }
    return {name: statements_of(call) for name, call in calls.items()}


def statements_of(call) -> int:
    with CaptureQueriesContext(connection) as statements:
        call()
    return len([query for query in statements if "SAVEPOINT" not in query["sql"]])


@pytest.mark.parametrize("guest", [False, True], ids=["customer", "guest"])
def test_every_endpoint_takes_the_same_few_statements_for_10_and_100_lines(api, api_as, guest):
    few, many = (
        counted(type(api)(api.client) if guest else api_as(factories.make_user()), lines) for lines in (10, 100)
    )
    assert few == many
    assert {name: count for name, count in many.items() if count > ALLOWED} == {}
    assert (many["read"], many["add again"]) == ((2, 5) if guest else (3, 5))


def put(owner, product):
    add_item(owner=owner, product_id=product.pk, quantity=1, now=clock.now())


def test_the_database_merges_with_five_statements(customer):
    own, guest = CartOwner(user_id=customer.pk), CartOwner(token_hash=hash_token(new_token()))
    put(own, factories.make_product())
    products = [factories.make_product() for _ in range(20)]
    for product in products:
        put(guest, product)
    store, now = DatabaseCartStore(), clock.now()
    merge = functools.partial(store.merge, guest=guest, user=own, limit_of=lambda goods: 10, now=now)
    assert (statements_of(merge), statements_of(merge)) == (5, 1)
