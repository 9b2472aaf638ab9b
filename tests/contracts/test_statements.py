"""How many SQL statements each endpoint takes: few, and the same for 10 and for 100 rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from tests import factories
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ALLOWED = 9
ALLOWED_FOR_PLACING = 16


@pytest.fixture(autouse=True)
def _nothing_cached(settings: LazySettings) -> None:
    settings.CATALOGUE_CACHE_SECONDS = 0


def statements_of(request: Callable[[], Any], status: int = 200) -> int:
    """Return how many statements a request takes (transaction marks of the test's own wrapping aside)."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT")):
            seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        response = request()
    assert response.status_code == status, response.content
    return len(seen)


def signed_in(user: Any) -> ApiClient:
    return ApiClient(Client(), access=factories.access_token_of(user))


def fill_cart(client: ApiClient, lines: int) -> None:
    for _ in range(lines):
        product = factories.make_product(stock=1_000)
        response = client.post("cart/add/", {"product_id": str(product.id), "quantity": 1})
        assert response.status_code == 201, response.content


def place(client: ApiClient, **headers: str) -> Any:
    data = {"shipping_address": factories.ADDRESS, "payment_method": "simulated"}
    return client.post("cart/checkout/", data, **headers)


@pytest.mark.parametrize("lines", [1, 10, 100])
def test_placing_an_order_takes_at_most_16_whatever_its_size(lines: int) -> None:
    factories.make_shipping()
    client = signed_in(factories.make_user())
    fill_cart(client, lines)
    counted = statements_of(lambda: place(client, Idempotency_Key=f"statements-{lines}"), 201)
    assert counted <= ALLOWED_FOR_PLACING


@pytest.mark.postgres  # SQLite takes 999 values a statement, so that 100 lines go in batches there
def test_placing_takes_the_same_number_for_10_and_100_lines() -> None:
    factories.make_shipping()
    counts = []
    for lines in (10, 100):
        client = signed_in(factories.make_user())
        fill_cart(client, lines)
        counts.append(statements_of(lambda c=client: place(c), 201))  # type: ignore[misc]
    assert counts[0] == counts[1]


class Rows:
    """A shop with `count` of everything that is listed."""

    def __init__(self, count: int) -> None:
        factories.make_shipping(code=f"method-{count}")
        self.seller = factories.make_seller()
        category = factories.make_category()
        self.products = [
            factories.make_product(seller=self.seller, category=category, name=f"Shirt {n}", stock=1_000)
            for n in range(count)
        ]
        self.category = category
        self.customer = signed_in(factories.make_user())
        for _ in range(count):
            self.customer.post("cart/add/", {"product_id": str(self.products[0].id), "quantity": 1})
            order = place(self.customer).json()
            payment = {"order_id": order["id"], "provider": "simulated"}
            assert self.customer.post("payments/process/", payment).status_code == 201
        self.order_id = order["id"]
        fill_cart(self.customer, count)
        self.admin, self.seller_client = signed_in(factories.make_admin()), signed_in(self.seller)
        self.anonymous = ApiClient(Client())

    def counts(self) -> dict[str, int]:
        get = {
            "product list": (self.anonymous, "products/?page_size=100"),
            "product list by its seller": (self.seller_client, "products/?page_size=100"),
            "product search": (self.anonymous, "products/?search=shirt&page_size=100"),
            "product filters": (
                self.anonymous,
                f"products/?category={self.category.id}&in_stock=true&min_price=1&ordering=-price&page_size=100",
            ),
            "product detail": (self.anonymous, f"products/{self.products[0].id}/"),
            "category list": (self.anonymous, "categories/"),
            "category detail": (self.anonymous, f"categories/{self.category.id}/?page_size=100"),
            "cart": (self.customer, "cart/"),
            "own orders": (self.customer, "orders/?page_size=100"),
            "all orders": (self.admin, "orders/?page_size=100"),
            "a seller's orders": (self.seller_client, "orders/?page_size=100"),
            "history": (self.customer, "orders/history/?page_size=100"),
            "order detail": (self.customer, f"orders/{self.order_id}/"),
            "profile": (self.customer, "auth/profile/"),
        }
        return {
            name: statements_of(lambda c=client, p=path: c.get(p))  # type: ignore[misc]
            for name, (client, path) in get.items()
        }


def test_every_read_takes_at_most_9_and_the_same_for_10_and_100_rows() -> None:
    few = Rows(10).counts()
    many = Rows(100).counts()
    assert few == many
    assert {name: count for name, count in many.items() if count > ALLOWED} == {}


def test_every_write_takes_at_most_9() -> None:
    factories.make_shipping()
    product = factories.make_product(stock=100)
    client = signed_in(factories.make_user())
    seller = signed_in(product.seller)
    add = {"product_id": str(product.id), "quantity": 1}
    counts = {"first add": statements_of(lambda: client.post("cart/add/", add), 201)}
    counts["second add"] = statements_of(lambda: client.post("cart/add/", add), 201)
    item = client.get("cart/").json()["items"][0]["id"]
    counts["set quantity"] = statements_of(lambda: client.patch(f"cart/items/{item}/", {"quantity": 3}))
    order = place(client).json()
    pay = {"order_id": order["id"], "provider": "simulated"}
    counts["pay"] = statements_of(lambda: client.post("payments/process/", pay), 201)
    counts["edit product"] = statements_of(lambda: seller.patch(f"products/{product.id}/", {"price": "11.00"}))
    admin = signed_in(factories.make_admin())
    counts["move order"] = statements_of(lambda: admin.patch(f"orders/{order['id']}/", {"status": "processing"}))
    counts["cancel order"] = statements_of(lambda: admin.post(f"orders/{order['id']}/cancel/"))
    counts["log in"] = statements_of(
        lambda: ApiClient(Client()).post("auth/login/", {"email": product.seller.email, "password": factories.PASSWORD})
    )
    assert {name: count for name, count in counts.items() if count > ALLOWED} == {}
