"""Orders on hold: nobody packs or sends them, everything else goes on."""

import datetime as dt

import pytest

from apps.accounts.models import User
from apps.orders.errors import InvalidTransition, OrderOnHold
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.holds import hold_order, release_hold
from apps.orders.services.moves import allowed_moves
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from core.transactions import atomic
from tests.apps.orders.making import force_move, history, hold, make_order, make_order_in, news, pay, stock_of
from tests.factories import default_variant, make_product

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
CONFIRMED, PROCESSING, SHIPPED = OrderStatus.CONFIRMED, OrderStatus.PROCESSING, OrderStatus.SHIPPED


def release(order: Order) -> Order:
    with atomic():
        order = lock_order(order.pk)
        release_hold(order=order, now=NOW)
        return order


@pytest.mark.parametrize(("start", "to"), [(CONFIRMED, PROCESSING), (PROCESSING, SHIPPED)])
def test_order_on_hold_is_neither_packed_nor_sent(start: OrderStatus, to: OrderStatus, admin: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = hold(make_order_in(start, (variant, 2)))
    before = (history(order), news(order), stock_of(variant), order.version)

    with pytest.raises(OrderOnHold) as refusal:
        move_order(order_id=order.pk, to=to, actor=admin, now=NOW)

    assert refusal.value.code == "order_on_hold"
    assert refusal.value.extra == {"from": start, "to": to, "allowed": ["cancelled"]}
    order.refresh_from_db()
    assert (order.status, order.is_on_hold) == (start, True)
    assert (history(order), news(order), stock_of(variant), order.version) == before


def test_the_shop_itself_does_not_send_it_either() -> None:
    order = hold(make_order_in(PROCESSING))

    with pytest.raises(OrderOnHold):
        force_move(order, SHIPPED)

    order.refresh_from_db()
    assert order.status == "processing"


@pytest.mark.parametrize("start", OrderStatus)
def test_a_hold_takes_packing_and_sending_from_what_is_allowed_and_nothing_else(start: OrderStatus) -> None:
    order = make_order_in(start)
    free = allowed_moves(order)

    held = hold(order)

    assert allowed_moves(held) == [status for status in free if status not in {PROCESSING, SHIPPED}]


def test_order_on_hold_may_be_cancelled_paid_and_delivered(admin: User) -> None:
    cancelled, paid = hold(make_order_in(PROCESSING)), hold(make_order())
    on_its_way = hold(make_order_in(SHIPPED))

    assert cancel_order(order_id=cancelled.pk, actor=admin, reason="", now=NOW).status == "cancelled"
    assert pay(paid).status == "confirmed"
    assert move_order(order_id=on_its_way.pk, to=OrderStatus.DELIVERED, actor=admin, now=NOW).status == "delivered"


def test_a_move_that_no_table_has_is_refused_for_that_and_not_for_the_hold(admin: User) -> None:
    order = hold(make_order_in(CONFIRMED))

    with pytest.raises(InvalidTransition) as refusal:
        move_order(order_id=order.pk, to=SHIPPED, actor=admin, now=NOW)

    assert (refusal.value.code, refusal.value.extra["allowed"]) == ("invalid_transition", ["cancelled"])


def test_released_order_is_sent(admin: User) -> None:
    order = release(hold(make_order_in(PROCESSING)))

    assert move_order(order_id=order.pk, to=SHIPPED, actor=admin, now=NOW).status == "shipped"


def test_holding_and_releasing_twice_changes_once() -> None:
    order = make_order()

    versions = [step(order).version for step in (hold, hold, release, release)]

    order.refresh_from_db()
    assert versions == [2, 2, 3, 3]
    assert (order.version, order.is_on_hold) == (3, False)


def test_a_hold_without_the_order_being_locked_first_still_writes_only_its_own_columns() -> None:
    order = make_order()
    Order.objects.update(notes="written meanwhile")

    hold_order(order=order, now=NOW)

    order.refresh_from_db()
    assert (order.is_on_hold, order.notes) == (True, "written meanwhile")
