"""Checkouts at once, over HTTP and on real connections; each guard is shown to be one by taking it away."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Sum
from django.test import Client

from apps.accounts.models import User
from apps.cart.models import Cart, CartItem
from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item, read_cart
from apps.cart.services.checkout import take_cart_for_checkout
from apps.inventory.errors import OutOfStock
from apps.inventory.models import Reservation, Stock
from apps.orders.models import Order, OrderItem
from apps.orders.services import placement
from apps.products.models import ProductVariant
from core import clock
from core.ids import hash_token, new_id, new_token
from core.invariants import check_invariants
from core.transactions import atomic
from tests.apps.orders.crowd import at_once, in_another_connection, no_new_deadlocks, side_by_side, without_row_locks
from tests.apps.orders.making import checkout, fill_cart, stock_of
from tests.factories import ADDRESS, access_token_of, default_variant, make_product, make_shipping, make_user
from tests.http import ApiClient

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LAST_UNITS = 50


def violations() -> dict[str, tuple[str, ...]]:
    """Return what the invariants of the whole shop find."""
    return {finding.name: finding.violations for finding in check_invariants() if finding.violations}


def guests_with_carts(count: int, lines: Callable[[], list[ProductVariant]]) -> list[str]:
    """Make so many guests with a unit of each of some variants in the cart, and return their tokens."""
    tokens = [new_token() for _ in range(count)]
    carts = Cart.objects.bulk_create(Cart(token_hash=hash_token(token)) for token in tokens)
    now = clock.now()
    CartItem.objects.bulk_create(
        CartItem(cart=cart, variant=variant, quantity=1, added_at=now) for cart in carts for variant in lines()
    )
    return tokens


def buyer(token: str) -> Callable[[], Any]:
    """Return a task that orders a guest's cart over HTTP and returns the answer."""
    api = ApiClient(Client(raise_request_exception=False), cart_token=token)
    body = {"shipping_address": ADDRESS, "email": "a@example.com", "payment_method": "simulated"}
    return lambda: api.post("cart/checkout/", body, Idempotency_Key=str(new_id()))


def outcomes(answers: list[Any]) -> Counter[tuple[int, str]]:
    """Count the answers by status and code."""
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


# --- The last units -------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_thousand_checkouts_of_the_last_fifty_units_sell_exactly_fifty() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    make_shipping()
    hot = default_variant(make_product(stock=LAST_UNITS))
    plenty = [default_variant(make_product(stock=10_000)) for _ in range(6)]

    def lines() -> list[ProductVariant]:
        chosen = [hot, *chance.sample(plenty, chance.randrange(5))]
        chance.shuffle(chosen)
        return chosen

    tokens = guests_with_carts(1_000, lines)
    with no_new_deadlocks():
        answers = at_once([buyer(token) for token in tokens], clients=32)

    assert outcomes(answers) == {(201, ""): LAST_UNITS, (409, "out_of_stock"): 1_000 - LAST_UNITS}
    assert stock_of(hot) == (LAST_UNITS, LAST_UNITS)
    assert OrderItem.objects.filter(variant=hot).aggregate(units=Sum("quantity")) == {"units": LAST_UNITS}
    assert Cart.objects.filter(ordered_at=None).count() == 1_000 - LAST_UNITS
    assert violations() == {}


def test_control_reserving_by_read_check_write_oversells(monkeypatch: pytest.MonkeyPatch) -> None:
    hot = default_variant(make_product(stock=LAST_UNITS))

    def naive_reserve(*, reference: str, demand: dict[Any, int], now: Any) -> None:
        stock = Stock.objects.get(variant_id=hot.pk)
        if stock.available < 1:
            raise OutOfStock
        time.sleep(0.001)
        Stock.objects.filter(pk=stock.pk).update(reserved=stock.reserved + 1)
        Reservation.objects.create(stock=stock, reference=reference, quantity=1, created_at=now)

    monkeypatch.setattr(placement.reservations, "reserve", naive_reserve)

    at_once([buyer(token) for token in guests_with_carts(300, lambda: [hot])], clients=32)

    assert Order.objects.count() > LAST_UNITS
    assert "inventory.reserved_equals_open_reservations" in violations()


# --- One cart -------------------------------------------------------------------------------------
def fifty_checkouts(user: User) -> list[Any]:
    """Order the user's cart fifty times at once, each time with another key."""
    api = ApiClient(Client(raise_request_exception=False), access=access_token_of(user))
    body = {"shipping_address": ADDRESS}
    tasks = [lambda: api.post("orders/", body, Idempotency_Key=str(new_id()))] * 50
    return at_once(tasks, clients=16)


def test_fifty_checkouts_of_one_cart_make_one_order() -> None:
    user, variant = make_user(), default_variant(make_product(stock=100))
    fill_cart(user, (variant, 2))

    with no_new_deadlocks():
        answers = fifty_checkouts(user)

    assert outcomes(answers) == {(201, ""): 1, (409, "cart_empty"): 49}
    assert stock_of(variant) == (100, 2)
    assert violations() == {}


@pytest.mark.parametrize("left", ["closing the cart and the unique cart", "the unique cart"])
def test_one_cart_makes_one_order_by_each_guard_alone(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has read the cart before anybody ordered it: what the row lock prevents, the others still refuse."""
    user, variant = make_user(), default_variant(make_product(stock=100))
    _read_beforehand(monkeypatch, fill_cart(user, (variant, 2)))
    if left == "the unique cart":
        monkeypatch.setattr(placement, "finish_cart", lambda **_: None)

    answers = fifty_checkouts(user)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert {code for _, code in outcomes(answers)} <= {"", "cart_already_ordered", "cart_empty"}
    assert stock_of(variant) == (100, 2)


def test_control_without_the_guards_one_cart_makes_many_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    user, variant = make_user(), default_variant(make_product(stock=100))
    _read_beforehand(monkeypatch, fill_cart(user, (variant, 2)))
    monkeypatch.setattr(placement, "finish_cart", lambda **_: None)
    draft = placement.draft_order

    def with_a_cart_of_its_own(*args: Any) -> Order:
        order = draft(*args)
        order.cart_id = new_id()
        return order

    monkeypatch.setattr(placement, "draft_order", with_a_cart_of_its_own)

    fifty_checkouts(user)

    assert Order.objects.count() > 1


def _read_beforehand(monkeypatch: pytest.MonkeyPatch, owner: CartOwner) -> None:
    with atomic():
        taken = take_cart_for_checkout(owner=owner, now=clock.now())
    monkeypatch.setattr(placement, "take_cart_for_checkout", lambda **_: taken)


# --- A line that is added meanwhile ---------------------------------------------------------------
def test_line_added_during_a_checkout_is_ordered_or_kept_and_the_total_is_that_of_the_lines() -> None:
    rounds = 100
    first = default_variant(make_product(price="19.99", stock=10_000))
    second = default_variant(make_product(price="0.35", stock=10_000))
    users = [make_user() for _ in range(rounds)]
    owners = [fill_cart(user, (first, 1)) for user in users]

    def order(number: int) -> Decimal:
        return checkout(users[number], owners[number]).order.total_amount

    def add(number: int) -> None:
        add_item(owner=owners[number], product_id=second.product_id, variant_id=second.pk, quantity=3, now=clock.now())

    with no_new_deadlocks():
        totals, added = side_by_side(rounds, order, add)

    assert not [entry for entry in [*totals, *added] if isinstance(entry, Exception)]
    kept = [sum(line.quantity for line in read_cart(owner=owner).lines) for owner in owners]
    for number, total in enumerate(totals):
        assert (total, kept[number]) in {(Decimal("19.99"), 3), (Decimal("21.04"), 0)}
    sums = Order.objects.annotate(of_lines=Sum("items__total")).exclude(total_amount=F("of_lines"))
    assert not sums.exists()
    assert violations() == {}


def _add_while_pricing(
    monkeypatch: pytest.MonkeyPatch, add: Callable[[], Any], *, wait: bool
) -> list[threading.Thread]:
    """Start adding a line at the moment the cart has been read and is being priced."""
    price, started = placement.price_order, []

    def price_meanwhile(**arguments: Any) -> Any:
        started.append(in_another_connection(add))
        if wait:
            started[0].join(10)
        else:
            time.sleep(0.2)
        return price(**arguments)

    monkeypatch.setattr(placement, "price_order", price_meanwhile)
    return started


@pytest.mark.parametrize("locked", [True, False], ids=["guarded", "control"])
def test_line_added_while_the_cart_is_priced_waits_for_the_next_cart(
    locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the cart's lock the line joins a cart that is closed a moment later, and nobody ever sees it again."""
    user = make_user()
    first, second = default_variant(make_product()), default_variant(make_product())
    owner = fill_cart(user, (first, 1))
    started = _add_while_pricing(monkeypatch, lambda: fill_cart(user, (second, 3)), wait=not locked)

    if locked:
        order = checkout(user, owner).order
    else:
        with without_row_locks():
            order = checkout(user, owner).order
    started[0].join()

    assert [item.variant_id for item in order.items.all()] == [first.pk]
    kept = [line.quantity for line in read_cart(owner=owner).lines]
    assert kept == ([3] if locked else [])
