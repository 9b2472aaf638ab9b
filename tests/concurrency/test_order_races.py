"""Rivals for one order at the same moment: it ends in one legal state, and the loser is told."""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import User
from apps.inventory.models import Reservation
from apps.inventory.states import ReservationState
from apps.orders import locks
from apps.orders.errors import InvalidTransition
from apps.orders.invariants import history_is_a_path
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.services import cancellation, expiry, transitions
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.orders.services.moves import OrderMoves
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus, PaymentStatus
from apps.products.models import ProductVariant
from core import clock
from core.transactions import atomic
from tests.apps.orders.crowd import (
    at_once,
    in_another_connection,
    no_new_deadlocks,
    side_by_side,
    without_row_locks,
)
from tests.apps.orders.making import history, make_order, make_order_in, news, pay, stock_of, violations
from tests.factories import default_variant, make_admin, make_product, make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
PLENTY = 100_000
ROUNDS = 200
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture
def variant() -> ProductVariant:
    return default_variant(make_product(stock=PLENTY))


def refusals(*outcomes: Any) -> int:
    """Count the refused moves; anything else that was raised is a failure."""
    unexpected = [
        entry for entry in outcomes if isinstance(entry, Exception) and not isinstance(entry, InvalidTransition)
    ]
    assert unexpected == []
    return sum(isinstance(entry, InvalidTransition) for entry in outcomes)


# --- Promise 7: pay, cancel, ship, expire at one barrier -----------------------------------------------
def test_unpaid_orders_that_are_paid_cancelled_and_expired_at_once_end_legally(variant: ProductVariant) -> None:
    orders = [make_order((variant, 1), now=NOW) for _ in range(ROUNDS)]

    with no_new_deadlocks():
        paid, cancelled, expired, again = side_by_side(
            ROUNDS,
            lambda number: pay(orders[number]),
            lambda number: cancel_order(order_id=orders[number].pk, actor=None, reason="customer", now=LATER),
            lambda number: expire_unpaid_orders(now=LATER, limit=3),
            lambda number: cancel_order(order_id=orders[number].pk, actor=None, reason="customer", now=LATER),
        )

    refusals(*paid, *cancelled, *expired, *again)
    for number, order in enumerate(orders):
        order.refresh_from_db()
        assert (order.status, order.payment_status) == ("cancelled", "paid")
        assert news(order).count("orders.cancelled") == 1
        was_in_time = history(order)[1] == ("pending", "confirmed", "paid")
        assert ("orders.paid" in news(order)) is was_in_time
        assert ("orders.paid_after_cancellation" in news(order)) is not was_in_time
        assert refusals(cancelled[number], again[number]) >= 1
    assert stock_of(variant) == (PLENTY, 0)
    assert violations() == {}


def test_orders_that_are_shipped_and_cancelled_at_once_do_one_of_the_two(variant: ProductVariant) -> None:
    admin = make_admin()
    orders = [make_order_in(OrderStatus.PROCESSING, (variant, 1)) for _ in range(ROUNDS)]
    ship = _mover(orders, OrderStatus.SHIPPED, admin)
    cancel = _mover(orders, OrderStatus.CANCELLED, admin)

    with no_new_deadlocks():
        moved = side_by_side(ROUNDS, ship, cancel, ship, cancel)

    ended = Counter(Order.objects.values_list("status", flat=True))
    assert set(ended) <= {"shipped", "cancelled"}
    assert [refusals(*outcomes) for outcomes in zip(*moved, strict=True)] == [3] * ROUNDS
    assert stock_of(variant) == (PLENTY - ended["shipped"], 0)
    assert violations() == {}


def _mover(orders: list[Order], to: OrderStatus, actor: User) -> Callable[[int], Order]:
    return lambda number: move_order(order_id=orders[number].pk, to=to, actor=actor, now=clock.now())


@pytest.mark.parametrize("locked", [True, False], ids=["guarded", "control"])
def test_two_moves_from_one_reading_are_not_both_made(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the order's lock both rivals read "processing", and it is shipped and cancelled."""
    admin, order = make_admin(), make_order_in(OrderStatus.PROCESSING)
    both_have_read = threading.Barrier(2)
    move_to = OrderMoves.move_to

    def move_when_both_have_read(moves: OrderMoves, to: OrderStatus, **details: Any) -> None:
        if not locked:
            both_have_read.wait(10)
        move_to(moves, to, **details)

    monkeypatch.setattr(OrderMoves, "move_to", move_when_both_have_read)
    if not locked:
        for module in (transitions, cancellation):
            monkeypatch.setattr(module, "lock_with_items", _read_without_lock)

    outcomes = at_once(
        [
            lambda: move_order(order_id=order.pk, to=OrderStatus.SHIPPED, actor=admin, now=clock.now()),
            lambda: cancel_order(order_id=order.pk, actor=admin, reason="", now=clock.now()),
        ],
        clients=2,
    )

    assert (refusals(*outcomes) == 1) is locked
    assert (list(history_is_a_path()) == []) is locked


def _read_without_lock(order_id: Any) -> Order:
    with without_row_locks():
        return locks.lock_with_items(order_id)


def test_twenty_cancellations_at_once_free_the_stock_once(variant: ProductVariant) -> None:
    make_order((variant, 5))
    order = make_order((variant, 3))

    outcomes = at_once(
        [lambda: cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())] * 20, clients=10
    )

    assert refusals(*outcomes) == 19
    assert stock_of(variant) == (PLENTY, 5)
    assert news(order) == ["orders.placed", "orders.cancelled"]


def test_the_same_return_twice_at_once_restocks_once(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.DELIVERED, (variant, 3))
    move = _mover([order], OrderStatus.RETURNED, make_admin())

    assert refusals(*at_once([lambda: move(0)] * 8, clients=8)) == 7
    assert stock_of(variant) == (PLENTY, 0)


# --- Promise 8: expiry against payment -------------------------------------------------------------------
def test_orders_paid_at_the_moment_they_expire_keep_their_stock_or_get_their_money_back(
    variant: ProductVariant,
) -> None:
    orders = [make_order((variant, 1), now=NOW) for _ in range(ROUNDS)]

    with no_new_deadlocks():
        outcomes = side_by_side(
            ROUNDS,
            lambda number: pay(orders[number]),
            lambda number: expire_unpaid_orders(now=LATER, limit=5),
            lambda number: expire_unpaid_orders(now=LATER, limit=5),
        )

    refusals(*(entry for outcome in outcomes for entry in outcome))
    ended = Counter(Order.objects.values_list("status", "payment_status"))
    assert set(ended) <= {("confirmed", "paid"), ("cancelled", "paid")}
    assert stock_of(variant) == (PLENTY, ended["confirmed", "paid"])
    released = Reservation.objects.filter(state=ReservationState.RELEASED).count()
    assert released == ended["cancelled", "paid"]
    for order in Order.objects.filter(status=OrderStatus.CANCELLED):
        assert news(order) == ["orders.placed", "orders.cancelled", "orders.paid_after_cancellation"]
    assert violations() == {}


@pytest.mark.parametrize("checked_again", [True, False], ids=["guarded", "control"])
def test_order_paid_after_it_was_picked_does_not_expire(checked_again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second look under the lock, a sweeper takes the goods from somebody who has paid."""
    order = make_order(now=NOW)
    look_again = expiry.lock_due_order if checked_again else (lambda order_id, *, now: lock_order(order_id))

    def paid_in_between(order_id: Any, *, now: dt.datetime) -> Order | None:
        in_another_connection(lambda: pay(order)).join()
        return look_again(order_id, now=now)

    monkeypatch.setattr(expiry, "lock_due_order", paid_in_between)

    expire_unpaid_orders(now=LATER)

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed" if checked_again else "cancelled", "paid")


def test_sweeper_does_not_wait_for_an_order_that_is_being_paid() -> None:
    held, other = make_order(now=NOW), make_order(now=NOW)
    swept: list[int] = []

    with atomic():
        lock_order(held.pk)
        in_another_connection(lambda: swept.append(expire_unpaid_orders(now=LATER))).join(10)

    assert swept == [1]
    other.refresh_from_db()
    held.refresh_from_db()
    assert (other.status, held.status) == ("cancelled", "pending")


def test_four_sweepers_expire_every_order_once(variant: ProductVariant) -> None:
    orders = [make_order((variant, 1), now=NOW) for _ in range(40)]

    with no_new_deadlocks():
        swept = at_once([lambda: expire_unpaid_orders(now=LATER)] * 4, clients=4)

    assert sum(swept) == len(orders)
    assert stock_of(variant) == (PLENTY, 0)
    assert all(news(order) == ["orders.placed", "orders.cancelled"] for order in orders)


# --- Crossing lines ----------------------------------------------------------------------------------------
def test_orders_with_the_same_goods_cancelled_and_placed_at_once_do_not_deadlock() -> None:
    variants = [default_variant(make_product(stock=PLENTY)) for _ in range(4)]
    goods = [(variant, 1) for variant in variants]
    orders = [make_order(*goods[::step]) for step in (1, -1) * 20]
    users = [make_user() for _ in range(40)]

    with no_new_deadlocks():
        outcomes = side_by_side(
            40,
            lambda number: cancel_order(order_id=orders[number].pk, actor=None, reason="", now=clock.now()),
            lambda number: make_order(*goods[:: 1 if number % 2 else -1], user=users[number]),
        )

    assert not [entry for outcome in outcomes for entry in outcome if isinstance(entry, Exception)]
    assert [stock_of(variant) for variant in variants] == [(PLENTY, 40)] * 4


def test_payment_that_is_told_twice_at_once_confirms_once() -> None:
    order = make_order()

    at_once([lambda: pay(order, PaymentStatus.PAID)] * 8, clients=8)

    assert news(order) == ["orders.placed", "orders.paid", "orders.confirmed"]
    assert history(order, "payment_status") == [("", "pending", "placed"), ("pending", "paid", "")]
