"""Checkout of carts that live in Redis: no database lock holds them, the unique cart_id does."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.cart.errors import CartEmpty
from apps.cart.services.carts import read_cart
from apps.orders.errors import CartAlreadyOrdered
from apps.orders.models import Order
from apps.orders.services import placement
from tests.apps.cart.redis_store import own_keys, redis_url
from tests.apps.orders.crowd import at_once
from tests.apps.orders.making import checkout, fill_cart, stock_of
from tests.factories import default_variant, make_product, make_user

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _carts_in_redis(settings: Settings) -> Iterator[None]:
    settings.CART_STORE = "redis"
    settings.REDIS_URL = redis_url()
    with own_keys():
        yield


def test_cart_is_ordered_and_emptied(customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    owner = fill_cart(customer, (variant, 3))

    order = checkout(customer, owner).order

    assert [item.quantity for item in order.items.all()] == [3]
    assert stock_of(variant) == (10, 3)
    assert read_cart(owner=owner).lines == ()
    with pytest.raises(CartEmpty):
        checkout(customer, owner)


def test_cart_that_outlived_its_order_is_cleaned_up_and_the_order_named(
    customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died between commit and emptying the cart."""
    variant = default_variant(make_product(stock=10))
    owner = fill_cart(customer, (variant, 3))
    with monkeypatch.context() as crash:
        crash.setattr(placement, "finish_cart", lambda **_: None)
        order = checkout(customer, owner).order

    with pytest.raises(CartAlreadyOrdered) as refusal:
        checkout(customer, owner)

    assert refusal.value.extra == {"order_id": str(order.pk), "order_number": order.order_number}
    assert read_cart(owner=owner).lines == ()
    assert stock_of(variant) == (10, 3)


@pytest.mark.postgres
def test_twenty_checkouts_of_one_cart_make_one_order() -> None:
    user, variant = make_user(), default_variant(make_product(stock=100))
    owner = fill_cart(user, (variant, 2))

    outcomes: list[Any] = at_once([lambda: checkout(user, owner)] * 20, clients=10)

    refused = [entry for entry in outcomes if isinstance(entry, Exception)]
    assert Order.objects.count() == 1
    assert set(Counter(type(entry) for entry in refused)) <= {CartAlreadyOrdered, CartEmpty}
    assert len(refused) == 19
    assert stock_of(variant) == (100, 2)
