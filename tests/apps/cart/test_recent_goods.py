"""Goods are remembered for a moment; changes on this machine are seen at once, and nobody is refused from memory."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import transaction

from apps.cart import recent_goods
from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item, read_cart
from apps.inventory.errors import OutOfStock
from apps.inventory.models import Stock
from apps.inventory.services.stock import set_available
from apps.products.changes import announce_product_change
from apps.products.models import Product, ProductVariant
from core import clock
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _remembering(settings) -> Iterator[None]:
    settings.CATALOGUE_CACHE_SECONDS = 60
    recent_goods.forget_all()
    yield
    recent_goods.forget_all()


@pytest.fixture
def owner() -> CartOwner:
    return CartOwner(user_id=factories.make_user().pk)


@pytest.fixture
def shirt() -> Product:
    return factories.make_product(name="Shirt", price="10.00", stock=10)


def put(owner: CartOwner, product: Product, quantity: int = 1):
    return add_item(owner=owner, product_id=product.pk, quantity=quantity, now=clock.now())


def stock(product: Product, units: int) -> None:
    variant = factories.default_variant(product)
    set_available(variant_id=variant.pk, quantity=units, reason="test", now=clock.now())


def behind_our_back(product: Product, **changes) -> None:
    """Change stock as another machine does: no counter of this one moves."""
    Stock.objects.filter(variant__product=product).update(**changes)


def test_a_cart_of_known_goods_is_read_with_one_statement(owner, django_assert_num_queries):
    for _ in range(10):
        put(owner, factories.make_product())
    read_cart(owner=owner)
    with django_assert_num_queries(1):
        assert len(read_cart(owner=owner).lines) == 10


def test_known_goods_are_added_with_two_statements(owner, shirt, django_assert_num_queries):
    put(owner, shirt)
    with django_assert_num_queries(2):
        assert put(owner, shirt).total_items == 2


def test_a_change_of_stock_is_seen_at_once(owner, shirt):
    put(owner, shirt, 5)
    assert read_cart(owner=owner).lines[0].goods.available == 10
    stock(shirt, 4)
    [line] = read_cart(owner=owner).lines
    assert (line.goods.available, line.in_stock) == (4, False)


def test_a_change_of_price_is_seen_at_once(owner, shirt):
    put(owner, shirt, 2)
    ProductVariant.objects.filter(product=shirt).update(price=Decimal("12.50"))
    announce_product_change(shirt.pk)
    assert read_cart(owner=owner).subtotal == Decimal("25.00")


def test_a_change_on_another_machine_is_seen_when_the_time_is_up(owner, shirt, monkeypatch):
    put(owner, shirt)
    behind_our_back(shirt, on_hand=3)
    assert read_cart(owner=owner).lines[0].goods.available == 10
    later = recent_goods.time.monotonic() + 61
    monkeypatch.setattr(recent_goods.time, "monotonic", lambda: later)
    assert read_cart(owner=owner).lines[0].goods.available == 3


def test_nobody_is_refused_because_of_what_is_remembered(owner, shirt):
    put(owner, shirt, 10)
    behind_our_back(shirt, on_hand=50)
    assert put(owner, shirt, 5).total_items == 15


def test_a_refusal_tells_the_figure_of_the_database(owner, shirt):
    put(owner, shirt, 10)
    behind_our_back(shirt, on_hand=12)
    with pytest.raises(OutOfStock) as refusal:
        put(owner, shirt, 5)
    assert refusal.value.extra["shortages"][0]["available"] == 12


def test_inside_a_transaction_nothing_is_remembered(owner, shirt):
    put(owner, shirt)
    with transaction.atomic():
        behind_our_back(shirt, on_hand=3)
        assert read_cart(owner=owner).lines[0].goods.available == 3
        transaction.set_rollback(True)
    assert read_cart(owner=owner).lines[0].goods.available == 10


def test_a_change_committed_while_goods_are_loaded_makes_them_stale(owner, shirt, monkeypatch):
    put(owner, shirt)
    recent_goods.forget_all()
    load = recent_goods.load_goods

    def load_then_change(ids):
        found = load(ids)
        stock(shirt, 3)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(recent_goods, "load_goods", load_then_change)
        assert read_cart(owner=owner).lines[0].goods.available == 10
    assert read_cart(owner=owner).lines[0].goods.available == 3


def test_memory_is_bounded(owner, settings):
    settings.CATALOGUE_CACHE_ENTRIES = 3
    for _ in range(8):
        put(owner, factories.make_product())
    assert len(read_cart(owner=owner).lines) == 8
    assert max(len(recent_goods._by_variant), len(recent_goods._by_product)) <= 3


def test_days_are_not_counted_by_what_is_remembered(owner, shirt):
    before = clock.now() - dt.timedelta(seconds=1)
    put(owner, shirt)
    put(owner, shirt)
    from apps.cart.models import Cart

    assert Cart.objects.get().updated_at > before
