"""What a checkout is handed, over both stores."""

import uuid

import pytest
from django.db import transaction

from apps.cart.errors import CartEmpty, CartHasProblems, CartUnavailable
from apps.cart.models import Cart
from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item, clear_cart, read_cart
from apps.cart.services.checkout import discard_ordered_cart, finish_cart, take_cart_for_checkout
from apps.cart.stores.redis import RedisCartStore
from core import clock
from tests import factories
from tests.apps.cart.redis_store import BOTH, ONLY_REDIS

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(customer) -> CartOwner:
    return CartOwner(user_id=customer.pk)


def put(owner, product, quantity=1):
    return add_item(owner=owner, product_id=product.pk, quantity=quantity, now=clock.now())


def take(owner):
    with transaction.atomic():
        return take_cart_for_checkout(owner=owner, now=clock.now())


def held(owner):
    return {line.goods.name: line.quantity for line in read_cart(owner=owner).lines}


@BOTH
def test_a_cart_is_handed_over_with_its_id_and_what_the_catalogue_says(owner):
    shirt = factories.make_product(name="Shirt", price="19.99")
    cart = put(owner, shirt, 2)
    taken = take(owner)
    [line] = taken.lines
    assert (taken.cart_id, line.quantity, line.variant_id) == (cart.id, 2, factories.default_variant(shirt).pk)
    assert (line.sellable.name, line.sellable.seller_id) == ("Shirt", shirt.seller_id)


@BOTH
def test_no_cart_and_an_empty_cart_cannot_be_ordered(owner):
    with pytest.raises(CartEmpty):
        take(owner)
    put(owner, factories.make_product())
    clear_cart(owner=owner, now=clock.now())
    with pytest.raises(CartEmpty):
        take(owner)


@BOTH
def test_lines_that_are_not_on_sale_any_more_are_named_and_kept(owner):
    shirt, hat = factories.make_product(name="Shirt"), factories.make_product(name="Hat")
    put(owner, shirt)
    cart = put(owner, hat)
    hat.is_active = False
    hat.save(update_fields=["is_active"])
    with pytest.raises(CartHasProblems) as refusal:
        take(owner)
    assert refusal.value.extra["problems"] == [
        {
            "code": "product_unavailable",
            "item_id": str(cart.lines[1].item_id),
            "detail": "Hat is not on sale any more.",
        }
    ]
    assert held(owner) == {"Shirt": 1, "Hat": 1}


@BOTH
def test_goods_in_another_currency_than_the_stores_cannot_be_ordered(owner, settings):
    put(owner, factories.make_product(name="Shirt"))
    settings.STORE_CURRENCY = "EUR"
    with pytest.raises(CartHasProblems):
        take(owner)


@BOTH
def test_a_finished_cart_is_not_ordered_again(owner, django_capture_on_commit_callbacks):
    put(owner, factories.make_product())
    with django_capture_on_commit_callbacks(execute=True):
        finish_cart(locked=take(owner), owner=owner, now=clock.now())
    with pytest.raises(CartEmpty):
        take(owner)


@pytest.mark.django_db(transaction=True)
def test_a_database_cart_that_is_not_open_any_more_cannot_be_finished(customer):
    owner = CartOwner(user_id=customer.pk)
    put(owner, factories.make_product())
    taken = take(owner)
    Cart.objects.update(ordered_at=clock.now())
    with pytest.raises(CartEmpty), transaction.atomic():
        finish_cart(locked=taken, owner=owner, now=clock.now())


@ONLY_REDIS
class TestRedisCarts:
    def test_lines_added_while_the_order_is_written_stay_in_a_cart_with_a_new_id(
        self, owner, django_capture_on_commit_callbacks
    ):
        shirt, hat = factories.make_product(name="Shirt"), factories.make_product(name="Hat")
        put(owner, shirt, 2)
        with django_capture_on_commit_callbacks(execute=True):
            taken = take(owner)
            put(owner, shirt, 1)
            put(owner, hat, 4)
            finish_cart(locked=taken, owner=owner, now=clock.now())
        assert held(owner) == {"Shirt": 1, "Hat": 4}
        assert take(owner).cart_id != taken.cart_id

    def test_an_order_stands_when_redis_is_away_at_its_commit(
        self, owner, monkeypatch, django_capture_on_commit_callbacks
    ):
        def away(self, **_):
            raise CartUnavailable

        shirt = factories.make_product(name="Shirt")
        put(owner, shirt, 2)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(RedisCartStore, "discard", away)
            with django_capture_on_commit_callbacks(execute=True):
                taken = take(owner)
                finish_cart(locked=taken, owner=owner, now=clock.now())
        assert take(owner).cart_id == taken.cart_id  # so the unique Order.cart_id refuses it
        ordered = {factories.default_variant(shirt).pk: 2}
        for _ in range(2):
            discard_ordered_cart(owner=owner, cart_id=taken.cart_id, ordered=ordered, now=clock.now())
        assert held(owner) == {}

    def test_a_cart_with_another_id_is_not_discarded(self, owner):
        shirt = factories.make_product(name="Shirt")
        put(owner, shirt, 2)
        ordered = {factories.default_variant(shirt).pk: 2}
        discard_ordered_cart(owner=owner, cart_id=uuid.uuid4(), ordered=ordered, now=clock.now())
        assert held(owner) == {"Shirt": 2}
