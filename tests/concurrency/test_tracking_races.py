"""Two who say the same of one parcel at the same moment: the customer is told once."""

import threading
from typing import Any

import pytest

from apps.orders import locks
from apps.orders.errors import OrderNotOnItsWay
from apps.orders.models import Order
from apps.orders.services import tracking as services
from apps.orders.services.moves import OrderMoves
from apps.orders.services.tracking import correct_tracking, ship_order
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.orders.tracking import Tracking
from core import clock
from tests.apps.orders.crowd import at_once, no_new_deadlocks, side_by_side, without_row_locks
from tests.apps.orders.making import make_order_in, news, violations
from tests.factories import default_variant, make_admin, make_product

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
SAID = Tracking(carrier="UPS", tracking_number="1Z999")
ROUNDS = 50


@pytest.mark.parametrize("locked", [True, False], ids=["guarded", "control"])
def test_a_correction_sent_twice_at_once_is_told_once(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the order's lock both rivals read the old tracking, and both tell of the new one."""
    admin, order = make_admin(), make_order_in(OrderStatus.SHIPPED)
    both_have_read = threading.Barrier(2)
    set_tracking = OrderMoves.set_tracking

    def set_when_both_have_read(moves: OrderMoves, tracking: Tracking) -> bool:
        if not locked:
            both_have_read.wait(60)
        return set_tracking(moves, tracking)

    monkeypatch.setattr(OrderMoves, "set_tracking", set_when_both_have_read)
    if not locked:
        monkeypatch.setattr(services, "lock_with_items", _read_without_lock)

    outcomes = at_once(
        [lambda: correct_tracking(order_id=order.pk, tracking=SAID, actor=admin, now=clock.now())] * 2, clients=2
    )

    assert [entry for entry in outcomes if isinstance(entry, Exception)] == []
    assert (news(order).count("orders.tracking_changed") == 1) is locked


def test_orders_shipped_twice_at_once_with_tracking_are_shipped_once() -> None:
    admin, variant = make_admin(), default_variant(make_product(stock=1_000))
    orders = [make_order_in(OrderStatus.PROCESSING, (variant, 1)) for _ in range(ROUNDS)]

    def ship(number: int) -> Order:
        return ship_order(order_id=orders[number].pk, tracking=SAID, actor=admin, now=clock.now())

    with no_new_deadlocks():
        outcomes = side_by_side(ROUNDS, ship, ship, ship)

    assert [entry for rival in outcomes for entry in rival if isinstance(entry, Exception)] == []
    for order in orders:
        assert news(order)[-2:] == ["orders.processing_started", "orders.shipped"]
    assert violations() == {}


def test_a_correction_comes_before_the_delivery_or_not_at_all() -> None:
    admin, variant = make_admin(), default_variant(make_product(stock=1_000))
    orders = [make_order_in(OrderStatus.SHIPPED, (variant, 1)) for _ in range(ROUNDS)]

    corrected, delivered = side_by_side(
        ROUNDS,
        lambda number: correct_tracking(order_id=orders[number].pk, tracking=SAID, actor=admin, now=clock.now()),
        lambda number: move_order(order_id=orders[number].pk, to=OrderStatus.DELIVERED, actor=admin, now=clock.now()),
    )

    assert [entry for entry in delivered if isinstance(entry, Exception)] == []
    for order, outcome in zip(orders, corrected, strict=True):
        order.refresh_from_db()
        was_refused = isinstance(outcome, OrderNotOnItsWay)
        assert was_refused or not isinstance(outcome, Exception)
        assert (order.status, order.carrier) == ("delivered", "" if was_refused else "UPS")
        told_before = "orders.shipped" if was_refused else "orders.tracking_changed"
        assert news(order)[-2:] == [told_before, "orders.delivered"]
    assert violations() == {}


def _read_without_lock(order_id: Any) -> Order:
    with without_row_locks():
        return locks.lock_with_items(order_id)
