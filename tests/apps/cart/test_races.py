"""Carts under fire on PostgreSQL, with real connections; each race has a control that fails without its guard."""

import time
from collections import Counter

import pytest
from django.db import transaction

from apps.cart.models import Cart, CartItem
from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item, clear_cart, read_cart, set_quantity
from apps.cart.services.merging import merge_guest_cart
from apps.cart.stores.database import DatabaseCartStore
from core import clock
from core.ids import hash_token, new_token
from tests import factories
from tests.apps.orders.crowd import at_once, in_another_connection, no_new_deadlocks, without_row_locks

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLIENTS = 16


@pytest.fixture
def owner() -> CartOwner:
    return CartOwner(user_id=factories.make_user().pk)


def failures(outcomes: list) -> list:
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def put(owner: CartOwner, product, quantity: int = 1):
    return add_item(owner=owner, product_id=product.pk, quantity=quantity, now=clock.now())


def test_adds_of_one_line_by_16_at_once_sum_exactly(owner):
    shirt = factories.make_product(stock=1_000)
    with no_new_deadlocks():
        outcomes = at_once([lambda: put(owner, shirt, 2)] * 160, clients=CLIENTS)
    assert failures(outcomes) == []
    assert Cart.objects.count() == 1
    assert CartItem.objects.get().quantity == 320


def test_control_reading_and_then_writing_loses_adds(owner):
    shirt = factories.make_product(stock=1_000)
    put(owner, shirt)
    item = CartItem.objects.get()

    def read_then_write() -> None:
        units = CartItem.objects.get(pk=item.pk).quantity
        time.sleep(0.002)
        CartItem.objects.filter(pk=item.pk).update(quantity=units + 2)

    at_once([read_then_write] * 160, clients=CLIENTS)
    item.refresh_from_db()
    assert item.quantity < 321


def test_16_first_adds_of_16_products_open_one_cart_that_holds_them_all(owner):
    products = [factories.make_product() for _ in range(CLIENTS)]
    outcomes = at_once([lambda p=product: put(owner, p) for product in products], clients=CLIENTS)
    assert failures(outcomes) == []
    assert (Cart.objects.count(), CartItem.objects.count()) == (1, CLIENTS)


def test_adds_at_once_never_pass_what_is_available(owner):
    shirt = factories.make_product(stock=10)
    outcomes = at_once([lambda: put(owner, shirt)] * 48, clients=CLIENTS)
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"CartView": 10, "OutOfStock": 38}
    assert CartItem.objects.get().quantity == 10


def test_adds_at_once_never_overfill_the_cart(owner, settings):
    settings.CART_MAX_LINES = 10
    products = [factories.make_product() for _ in range(32)]
    outcomes = at_once([lambda p=product: put(owner, p) for product in products], clients=CLIENTS)
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"CartView": 10, "CartFull": 22}
    assert CartItem.objects.count() == 10


def test_every_way_to_change_a_cart_at_once_leaves_it_whole(owner):
    products = [factories.make_product(stock=1_000) for _ in range(4)]
    for product in products:
        put(owner, product)

    def set_first() -> None:
        lines = read_cart(owner=owner).lines
        if lines:
            set_quantity(owner=owner, item_id=lines[0].item_id, quantity=3, now=clock.now())

    acts = [lambda p=product: put(owner, p) for product in products] * 10
    acts += [set_first] * 20 + [lambda: clear_cart(owner=owner, now=clock.now())] * 10
    with no_new_deadlocks():
        outcomes = at_once(acts, clients=CLIENTS)
    assert {type(failure).__name__ for failure in failures(outcomes)} <= {"CartItemNotFound"}
    assert Cart.objects.count() == 1


def test_logins_at_once_merge_the_guests_cart_once():
    token, user = new_token(), factories.make_user()
    shirt = factories.make_product(stock=1_000)
    put(CartOwner(token_hash=hash_token(token)), shirt, 3)
    put(CartOwner(user_id=user.pk), shirt, 2)
    with no_new_deadlocks():
        outcomes = at_once(
            [lambda: merge_guest_cart(token=token, user=user, now=clock.now())] * CLIENTS, clients=CLIENTS
        )
    assert failures(outcomes) == []
    assert CartItem.objects.get().quantity == 5
    assert not Cart.objects.filter(user=None).exists()


@pytest.mark.parametrize("locked", [True, False], ids=["guarded", "control"])
def test_a_line_added_while_a_checkout_runs_is_in_the_next_cart(owner, locked):
    """Without the lock the line joins the cart that is being ordered, and is neither ordered nor seen again."""
    first, second = factories.make_product(name="First"), factories.make_product(name="Second")
    put(owner, first)
    store = DatabaseCartStore()

    def check_out() -> None:
        with transaction.atomic():
            taken = store.take(owner=owner)
            adding = in_another_connection(lambda: put(owner, second, 3))
            adding.join(None if not locked else 0.3)
            store.finish(owner=owner, cart_id=taken.cart_id, ordered={}, now=clock.now())
        adding.join()

    if locked:
        check_out()
    else:
        with without_row_locks():
            check_out()
    kept = {line.goods.name: line.quantity for line in read_cart(owner=owner).lines}
    assert kept == ({"Second": 3} if locked else {})


def test_a_quantity_set_while_a_checkout_runs_finds_the_line_gone(owner):
    put(owner, factories.make_product())
    [line] = read_cart(owner=owner).lines
    store, outcomes = DatabaseCartStore(), []
    with transaction.atomic():
        taken = store.take(owner=owner)
        change = {"owner": owner, "variant_id": line.goods.variant_id, "quantity": 5, "now": clock.now()}
        setting = in_another_connection(lambda: outcomes.append(store.set_quantity(**change)))
        setting.join(0.3)
        store.finish(owner=owner, cart_id=taken.cart_id, ordered={}, now=clock.now())
    setting.join()
    assert outcomes == [False]
    assert CartItem.objects.get(cart_id=taken.cart_id).quantity == 1
