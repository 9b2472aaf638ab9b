"""The contract of cart stores, over every store there is."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from django.db import transaction

from apps.cart.owners import CartOwner
from apps.cart.services.carts import show
from apps.cart.stores.base import Added, CartStore
from apps.cart.stores.database import DatabaseCartStore
from apps.products.models import ProductVariant
from core import clock
from core.ids import hash_token, new_token
from tests import factories
from tests.apps.cart.redis_store import redis_store

pytestmark = pytest.mark.django_db
MANY = 1_000


@pytest.fixture(params=["database", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest) -> Iterator[CartStore]:
    if request.param == "database":
        yield DatabaseCartStore()
        return
    with redis_store() as store:
        yield store


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


@pytest.fixture
def user() -> CartOwner:
    return CartOwner(user_id=factories.make_user().pk)


@pytest.fixture
def guest() -> CartOwner:
    return CartOwner(token_hash=hash_token(new_token()))


@pytest.fixture(params=["user", "guest"])
def owner(request: pytest.FixtureRequest) -> CartOwner:
    return request.getfixturevalue(request.param)


@pytest.fixture
def variant() -> Callable[..., ProductVariant]:
    return lambda **fields: factories.default_variant(factories.make_product(**fields))


def units(store: CartStore, owner: CartOwner) -> dict[uuid.UUID, int]:
    """Variant → units, in the order shown."""
    return {line.goods.variant_id: line.quantity for line in show(store.read(owner=owner)).lines}


def put(store: CartStore, owner: CartOwner, *lines: tuple[ProductVariant, int]) -> None:
    for variant, quantity in lines:
        added = store.add(owner=owner, variant_id=variant.pk, quantity=quantity, limit=MANY, now=clock.now())
        assert added is Added.DONE


def test_who_never_added_anything_has_no_cart(store, owner):
    assert store.read(owner=owner) == (None, ())
    assert store.knows(owner=owner) is False


def test_the_first_add_opens_a_cart_that_later_adds_find(store, owner, variant):
    put(store, owner, (variant(), 1))
    first = store.read(owner=owner).cart_id
    put(store, owner, (variant(), 1))
    assert first is not None
    assert store.read(owner=owner).cart_id == first
    assert store.knows(owner=owner) is True


def test_lines_stand_in_the_order_they_were_added(store, owner, variant):
    variants = [variant() for _ in range(12)]
    put(store, owner, *((each, 1) for each in variants))
    put(store, owner, (variants[3], 1))
    assert list(units(store, owner)) == [each.pk for each in variants]


def test_the_same_variant_again_adds_to_its_line(store, owner, variant):
    shirt = variant()
    put(store, owner, (shirt, 2))
    [before] = store.read(owner=owner).lines
    put(store, owner, (shirt, 3))
    [after] = store.read(owner=owner).lines
    assert (before.item_id, before.quantity, after.item_id, after.quantity) == (before.item_id, 2, before.item_id, 5)


def test_a_line_says_what_the_shop_says_of_its_variant_now(store, owner):
    product = factories.make_product(name="Shirt", price="19.99", stock=7)
    shirt = factories.make_variant(product, name="Small", sku="SH-S", price="12.50", stock=3)
    put(store, owner, (shirt, 2))
    [line] = show(store.read(owner=owner)).lines
    assert (line.goods.name, line.goods.sku, line.goods.unit_price, line.goods.available) == (
        "Shirt - Small",
        "SH-S",
        Decimal("12.50"),
        3,
    )
    assert (line.goods.product_id, line.total, line.in_stock) == (product.pk, Decimal("25.00"), True)


def test_a_variant_without_a_stock_row_has_none_left(store, owner, variant):
    put(store, owner, (variant(stock=None), 1))
    [line] = show(store.read(owner=owner)).lines
    assert (line.goods.available, line.in_stock) == (0, False)


def test_a_withdrawn_product_stays_in_the_cart_and_is_not_on_sale(store, owner):
    product = factories.make_product()
    put(store, owner, (factories.default_variant(product), 1))
    product.is_active = False
    product.save(update_fields=["is_active"])
    [line] = show(store.read(owner=owner)).lines
    assert (line.quantity, line.goods.is_on_sale, line.in_stock) == (1, False, False)


def test_a_deleted_variant_leaves_the_cart(store, owner, variant):
    gone, stays = variant(stock=None), variant()
    put(store, owner, (gone, 1), (stays, 2))
    stays_id = stays.pk
    gone.product.delete()
    assert units(store, owner) == {stays_id: 2}


def test_an_add_over_the_limit_changes_nothing(store, owner, variant, now):
    shirt = variant()
    put(store, owner, (shirt, 4))
    assert store.add(owner=owner, variant_id=shirt.pk, quantity=2, limit=5, now=now) is Added.OVER_LIMIT
    assert units(store, owner) == {shirt.pk: 4}
    assert store.add(owner=owner, variant_id=shirt.pk, quantity=1, limit=5, now=now) is Added.DONE
    assert units(store, owner) == {shirt.pk: 5}


def test_a_first_add_over_the_limit_opens_no_cart(store, owner, variant, now):
    assert store.add(owner=owner, variant_id=variant().pk, quantity=6, limit=5, now=now) is Added.OVER_LIMIT
    assert store.read(owner=owner) == (None, ())


def test_a_full_cart_takes_no_new_line_but_more_of_an_old_one(store, owner, variant, now, settings):
    settings.CART_MAX_LINES = 2
    first, second, third = variant(), variant(), variant()
    put(store, owner, (first, 1), (second, 1))
    assert store.add(owner=owner, variant_id=third.pk, quantity=1, limit=MANY, now=now) is Added.FULL
    put(store, owner, (first, 1))
    assert units(store, owner) == {first.pk: 2, second.pk: 1}


def test_a_quantity_is_set_and_zero_removes_the_line(store, owner, variant, now):
    shirt, hat = variant(), variant()
    put(store, owner, (shirt, 2), (hat, 1))
    assert store.set_quantity(owner=owner, variant_id=shirt.pk, quantity=7, now=now) is True
    assert units(store, owner) == {shirt.pk: 7, hat.pk: 1}
    assert store.set_quantity(owner=owner, variant_id=shirt.pk, quantity=0, now=now) is True
    assert units(store, owner) == {hat.pk: 1}


@pytest.mark.parametrize("quantity", [0, 3])
def test_setting_a_line_that_is_not_there_changes_nothing(store, owner, variant, now, quantity):
    shirt, hat = variant(), variant()
    assert store.set_quantity(owner=owner, variant_id=shirt.pk, quantity=quantity, now=now) is False
    put(store, owner, (hat, 1))
    assert store.set_quantity(owner=owner, variant_id=shirt.pk, quantity=quantity, now=now) is False
    assert units(store, owner) == {hat.pk: 1}


def test_a_cleared_cart_is_empty_and_still_the_same_cart(store, owner, variant, now):
    put(store, owner, (variant(), 2), (variant(), 1))
    cart_id = store.read(owner=owner).cart_id
    store.clear(owner=owner, now=now)
    store.clear(owner=owner, now=now)
    assert store.read(owner=owner) == (cart_id, ())
    assert store.knows(owner=owner) is True


def test_clearing_no_cart_does_nothing(store, owner, now):
    store.clear(owner=owner, now=now)
    assert store.read(owner=owner) == (None, ())


def test_owners_do_not_see_each_others_carts(store, user, guest, variant, now):
    shirt = variant()
    put(store, user, (shirt, 2))
    put(store, guest, (shirt, 5))
    assert store.read(owner=user).cart_id != store.read(owner=guest).cart_id
    store.clear(owner=guest, now=now)
    assert units(store, user) == {shirt.pk: 2}


def capped(limits):
    """Return the limits by variant as merge() asks for them."""
    return lambda goods: limits[goods.variant_id]


def test_a_merge_adds_quantities_and_ends_the_guests_cart(store, user, guest, variant, now):
    shirt, hat = variant(), variant()
    put(store, user, (shirt, 2))
    put(store, guest, (hat, 1), (shirt, 3))
    left = store.merge(guest=guest, user=user, limit_of=capped({shirt.pk: MANY, hat.pk: MANY}), now=now)
    assert left == []
    assert units(store, user) == {shirt.pk: 5, hat.pk: 1}
    assert store.read(owner=guest) == (None, ())
    assert store.knows(owner=guest) is False


def test_a_second_merge_does_nothing(store, user, guest, variant, now):
    shirt = variant()
    put(store, guest, (shirt, 3))
    for _ in range(2):
        assert store.merge(guest=guest, user=user, limit_of=capped({shirt.pk: MANY}), now=now) == []
    assert units(store, user) == {shirt.pk: 3}


def test_a_merge_opens_the_users_cart_if_need_be(store, user, guest, variant, now):
    shirt, hat = variant(), variant()
    put(store, guest, (shirt, 3), (hat, 1))
    store.merge(guest=guest, user=user, limit_of=capped({shirt.pk: MANY, hat.pk: MANY}), now=now)
    assert store.read(owner=user).cart_id is not None
    assert list(units(store, user).items()) == [(shirt.pk, 3), (hat.pk, 1)]


def test_a_merge_caps_each_line_and_lowers_none(store, user, guest, variant, now):
    shirt, hat, sold_out = variant(), variant(), variant()
    put(store, user, (shirt, 2), (hat, 9))
    put(store, guest, (shirt, 4), (hat, 1), (sold_out, 2))
    left = store.merge(guest=guest, user=user, limit_of=capped({shirt.pk: 5, hat.pk: 3, sold_out.pk: 0}), now=now)
    items = {line.variant_id: line.item_id for line in store.read(owner=user).lines}
    assert [(line.goods.variant_id, line.units, line.item_id) for line in left] == [
        (shirt.pk, 1, items[shirt.pk]),
        (hat.pk, 1, items[hat.pk]),
        (sold_out.pk, 2, None),
    ]
    assert units(store, user) == {shirt.pk: 5, hat.pk: 9}


def test_a_merge_does_not_overfill_the_cart(store, user, guest, variant, now, settings):
    settings.CART_MAX_LINES = 2
    first, second, third = variant(), variant(), variant()
    put(store, user, (first, 1))
    put(store, guest, (second, 1), (third, 1))
    left = store.merge(guest=guest, user=user, limit_of=capped({second.pk: MANY, third.pk: MANY}), now=now)
    assert [(line.goods.variant_id, line.units, line.item_id) for line in left] == [(third.pk, 1, None)]
    assert units(store, user) == {first.pk: 1, second.pk: 1}


def test_a_cart_is_taken_with_its_id_and_its_goods(store, owner, variant):
    shirt, hat = variant(price="12.50", variant={"weight_grams": 300}), variant()
    put(store, owner, (shirt, 2), (hat, 1))
    shown = store.read(owner=owner)
    taken = store.take(owner=owner)
    assert taken.cart_id == shown.cart_id
    assert [(line.item_id, line.quantity, line.sellable.variant_id) for line in taken.lines] == [
        (shown.lines[0].item_id, 2, shirt.pk),
        (shown.lines[1].item_id, 1, hat.pk),
    ]
    sellable = taken.lines[0].sellable
    assert (sellable.unit_price, sellable.weight_grams, sellable.seller_id, sellable.is_sellable) == (
        Decimal("12.50"),
        300,
        shirt.product.seller_id,
        True,
    )


def test_what_is_taken_is_what_the_catalogue_itself_says(store, owner, variant):
    from apps.products.selectors import load_sellable

    shirt = variant(name="Shirt", variant={"name": "Small", "tax_category": "books", "is_taxable": False})
    put(store, owner, (shirt, 1))
    [line] = store.take(owner=owner).lines
    assert line.sellable == load_sellable([shirt.pk])[shirt.pk]


def test_an_ordered_cart_ends_at_commit_and_the_next_line_opens_another(
    store, owner, variant, now, django_capture_on_commit_callbacks
):
    shirt, hat = variant(), variant()
    put(store, owner, (shirt, 2))
    with django_capture_on_commit_callbacks(execute=True):
        taken = store.take(owner=owner)
        store.finish(owner=owner, cart_id=taken.cart_id, ordered={shirt.pk: 2}, now=now)
    assert store.take(owner=owner).lines == ()
    assert units(store, owner) == {}
    assert store.knows(owner=owner) is True
    put(store, owner, (hat, 1))
    assert units(store, owner) == {hat.pk: 1}
    assert store.read(owner=owner).cart_id not in {None, taken.cart_id}


@pytest.mark.django_db(transaction=True)
def test_a_checkout_that_is_rolled_back_leaves_the_cart_as_it_was(store, owner, variant, now):
    shirt = variant()
    put(store, owner, (shirt, 2))
    before = store.read(owner=owner)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        taken = store.take(owner=owner)
        store.finish(owner=owner, cart_id=taken.cart_id, ordered={shirt.pk: 2}, now=now)
        raise ZeroDivisionError
    assert store.read(owner=owner) == before


def test_a_discarded_cart_is_gone_once(store, owner, variant, now):
    shirt = variant()
    put(store, owner, (shirt, 2))
    cart_id = store.read(owner=owner).cart_id
    store.discard(owner=owner, cart_id=cart_id, ordered={shirt.pk: 2}, now=now)
    assert units(store, owner) == {}
    put(store, owner, (shirt, 1))
    store.discard(owner=owner, cart_id=cart_id, ordered={shirt.pk: 2}, now=now)
    assert units(store, owner) == {shirt.pk: 1}
