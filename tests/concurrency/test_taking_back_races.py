"""Late money and refunds at the same moment as everything else: one unit is sold, freed and refunded once."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.inventory.errors import OutOfStock
from apps.inventory.invariants import reserved_equals_open_reservations
from apps.inventory.models import Reservation, Stock
from apps.inventory.states import ReservationState
from apps.orders.errors import InvalidTransition, TooManyUnits
from apps.orders.locks import lock_order
from apps.orders.models import Order, OrderItem
from apps.orders.services import moves, taking_back
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.orders.services.revival import revive_expired_order
from apps.orders.services.taking_back import take_back
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from core import clock
from core.transactions import atomic
from tests.apps.orders.crowd import at_once, in_another_connection, no_new_deadlocks, side_by_side, without_row_locks
from tests.apps.orders.making import make_order, make_order_in, news, pay, stock_of, take_back_units, violations
from tests.factories import default_variant, make_admin, make_product, make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
PLENTY = 100_000
ROUNDS = 60
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


def expired_order(stock: int) -> Order:
    """Return an expired order of one unit of a product of which there are so many."""
    order = make_order((default_variant(make_product(stock=stock)), 1), now=NOW)
    assert expire_unpaid_orders(now=LATER) == 1
    return order


def revive(order: Order) -> bool:
    with atomic():
        return revive_expired_order(order=lock_order(order.pk), now=LATER)


def revive_without_lock(order: Order) -> bool:
    with atomic():
        return revive_expired_order(order=Order.objects.get(pk=order.pk), now=LATER)


# --- Late money ------------------------------------------------------------------------------------------
def test_order_that_is_revived_many_times_at_once_is_revived_once() -> None:
    order = expired_order(PLENTY)

    outcomes = at_once([lambda: revive(order)] * 16, clients=8)

    assert sorted(outcomes) == [False] * 15 + [True]
    assert stock_of(order.items.get().variant) == (PLENTY, 1)
    assert news(order) == ["orders.placed", "orders.cancelled", "orders.revived"]
    assert violations() == {}


def test_two_who_both_read_the_order_as_expired_still_revive_it_once() -> None:
    """The order's lock makes them queue; that only one takes the stock is decided by the reservations' UPDATE."""
    orders = [expired_order(PLENTY) for _ in range(ROUNDS)]

    outcomes = side_by_side(ROUNDS, *[lambda number: revive_without_lock(orders[number])] * 2)

    assert [sorted(pair) for pair in zip(*outcomes, strict=True)] == [[False, True]] * ROUNDS
    assert {stock_of(order.items.get().variant) for order in orders} == {(PLENTY, 1)}
    assert violations() == {}


def test_last_unit_goes_to_the_late_payer_or_to_the_new_buyer_never_to_both() -> None:
    orders, buyers = [expired_order(1) for _ in range(ROUNDS)], [make_user() for _ in range(ROUNDS)]
    variants = [order.items.get().variant for order in orders]

    with no_new_deadlocks():
        revived, bought = side_by_side(
            ROUNDS,
            lambda number: revive(orders[number]),
            lambda number: make_order((variants[number], 1), user=buyers[number]),
        )

    for was_revived, purchase in zip(revived, bought, strict=True):
        assert isinstance(was_revived, bool)
        assert isinstance(purchase, OutOfStock if was_revived else Order)
    assert {stock_of(variant) for variant in variants} == {(1, 1)}
    assert violations() == {}


def test_control_a_revival_that_looks_first_and_writes_later_sells_the_last_unit_twice() -> None:
    order = expired_order(1)
    variant = order.items.get().variant

    with atomic():
        seen = Stock.objects.get(variant=variant)
        assert seen.available == 1
        in_another_connection(lambda: make_order((variant, 1))).join()
        Stock.objects.filter(pk=seen.pk).update(reserved=seen.reserved + 1)
        Reservation.objects.filter(state=ReservationState.RELEASED).update(state=ReservationState.OPEN, closed_at=None)

    assert len(list(reserved_equals_open_reservations())) == 1
    assert Reservation.objects.filter(state=ReservationState.OPEN).count() == 2
    Reservation.objects.all().delete()


def test_order_that_is_paid_late_expired_again_and_revived_at_once_ends_whole() -> None:
    orders = [expired_order(1) for _ in range(ROUNDS)]

    def pay_late(number: int) -> bool:
        with atomic():
            if not revive_expired_order(order=lock_order(orders[number].pk), now=LATER):
                return False
            pay(orders[number])
            return True

    with no_new_deadlocks():
        paid, again, swept = side_by_side(ROUNDS, pay_late, pay_late, lambda _: expire_unpaid_orders(now=LATER))

    assert [sorted(pair) for pair in zip(paid, again, strict=True)] == [[False, True]] * ROUNDS
    assert sum(swept) == 0
    assert set(Order.objects.values_list("status", "payment_status")) == {("confirmed", "paid")}
    assert violations() == {}


# --- The same unit, twice --------------------------------------------------------------------------------
def take_one_without_lock(order: Order, item: OrderItem, number: int) -> None:
    """Take the unit back as somebody who forgot the order's lock, and who locks no row of stock either."""
    with without_row_locks(), atomic():
        take_back(
            order=Order.objects.get(pk=order.pk),
            quantities={item.pk: 1},
            shipping=False,
            restock=True,
            reference=f"refund:{number}",
            actor=None,
            reason="",
            now=clock.now(),
        )


@pytest.mark.parametrize("status", [OrderStatus.CONFIRMED, OrderStatus.SHIPPED])
def test_twenty_refunds_of_one_unit_at_once_take_it_back_once(status: OrderStatus) -> None:
    variant = default_variant(make_product(stock=PLENTY))
    make_order((variant, 5))
    order = make_order_in(status, (variant, 1))

    outcomes = at_once(
        [lambda number=number: take_back_units(order, 1, reference=f"refund:{number}") for number in range(20)],
        clients=10,
    )

    assert_one_was_taken(order, outcomes, of=20)
    assert stock_of(variant) == (PLENTY, 5)
    assert violations() == {}


def assert_one_was_taken(order: Order, outcomes: list[Any], *, of: int) -> None:
    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyUnits)]
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == refused
    assert len(refused) == of - 1
    item = order.items.get()
    assert (item.refunded_quantity, item.restocked_quantity) == (1, 1)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_two_refunds_that_both_saw_the_unit_take_it_back_once(guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is left here: the condition in the UPDATE alone refuses the second; without it the unit goes twice."""
    variant = default_variant(make_product(stock=PLENTY))
    order = make_order_in(OrderStatus.SHIPPED, (variant, 1))
    item, both_have_read, count = order.items.get(), threading.Barrier(2), taking_back._count

    def count_when_both_have_read(line: OrderItem, units: int, back: int) -> None:
        both_have_read.wait(10)
        if guarded:
            count(line, units, back)
        else:
            line.refunded_quantity, line.restocked_quantity = units, back
            line.save(update_fields=["refunded_quantity", "restocked_quantity"])

    monkeypatch.setattr(taking_back, "_count", count_when_both_have_read)

    outcomes = at_once(
        [lambda number=number: take_one_without_lock(order, item, number) for number in range(2)], clients=2
    )

    assert stock_of(variant) == (PLENTY if guarded else PLENTY + 1, 0)
    if guarded:
        assert_one_was_taken(order, outcomes, of=2)
    else:
        assert outcomes == [None, None]


# --- Against the order's own moves -----------------------------------------------------------------------
MOVES = {
    "sent": (OrderStatus.PROCESSING, OrderStatus.SHIPPED, (PLENTY - 2 * ROUNDS, 0)),
    "returned": (OrderStatus.DELIVERED, OrderStatus.RETURNED, (PLENTY, 0)),
    "cancelled": (OrderStatus.PROCESSING, OrderStatus.CANCELLED, (PLENTY, 0)),
}


@pytest.mark.parametrize(("start", "to", "stock"), MOVES.values(), ids=MOVES)
def test_one_of_three_units_taken_back_while_the_order_moves(
    start: OrderStatus, to: OrderStatus, stock: tuple[int, int]
) -> None:
    """Whoever comes first, the same number of units lies on the shelf afterwards."""
    variant, admin = default_variant(make_product(stock=PLENTY)), make_admin()
    orders = [make_order_in(start, (variant, 3)) for _ in range(ROUNDS)]

    with no_new_deadlocks():
        outcomes = side_by_side(
            ROUNDS,
            lambda number: take_back_units(orders[number], 1, reference=f"refund:{orders[number].pk}"),
            lambda number: move_order(order_id=orders[number].pk, to=to, actor=admin, now=clock.now()),
        )

    assert [entry for outcome in outcomes for entry in outcome if isinstance(entry, Exception)] == []
    assert stock_of(variant) == stock
    assert violations() == {}


@pytest.mark.parametrize("reads_again", [True, False], ids=["guarded", "control"])
def test_return_that_waited_for_a_refund_brings_back_only_the_rest(
    reads_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines that came along with the lock are as they were before the wait."""
    if not reads_again:
        monkeypatch.setattr(moves, "_units_not_restocked", units_that_came_with_the_lock)
    variant, admin = default_variant(make_product(stock=PLENTY)), make_admin()
    order = make_order_in(OrderStatus.DELIVERED, (variant, 3))

    with atomic():
        lock_order(order.pk)
        returning = in_another_connection(
            lambda: move_order(order_id=order.pk, to=OrderStatus.RETURNED, actor=admin, now=clock.now())
        )
        wait_until(somebody_waits_for_a_lock)
        take_back_units(order, 2)
    returning.join(10)

    assert stock_of(variant) == (PLENTY if reads_again else PLENTY + 2, 0)


def units_that_came_with_the_lock(order: Order) -> dict[uuid.UUID, int]:
    return {item.variant_id: item.quantity - item.restocked_quantity for item in order.fetched_items or ()}


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask again and again, for ten seconds."""
    asked_enough = threading.Event()
    alarm = threading.Timer(10, asked_enough.set)
    alarm.start()
    while not holds():
        assert not asked_enough.is_set(), "nobody waits"
    alarm.cancel()


def test_order_that_is_refunded_piece_by_piece_and_cancelled_at_once_frees_every_unit_once() -> None:
    variant = default_variant(make_product(stock=PLENTY))
    orders = [make_order_in(OrderStatus.CONFIRMED, (variant, 3)) for _ in range(ROUNDS)]

    def refund(name: str) -> Callable[[int], Any]:
        return lambda number: take_back_units(orders[number], 1, reference=f"refund:{orders[number].pk}:{name}")

    with no_new_deadlocks():
        outcomes = side_by_side(
            ROUNDS,
            refund("a"),
            refund("b"),
            refund("c"),
            refund("d"),
            lambda number: cancel_order(order_id=orders[number].pk, actor=None, reason="", now=clock.now()),
        )

    refused = [entry for outcome in outcomes for entry in outcome if isinstance(entry, Exception)]
    assert len(refused) == ROUNDS
    assert {type(entry) for entry in refused} == {TooManyUnits}
    assert not any(isinstance(entry, InvalidTransition) for entry in refused)
    assert set(OrderItem.objects.values_list("refunded_quantity", flat=True)) == {3}
    assert stock_of(variant) == (PLENTY, 0)
    assert violations() == {}
