"""The two state tables, walked whole: every pair of states is moved as the table says, or refused with nothing done."""

import datetime as dt

import pytest

from apps.accounts.models import User
from apps.inventory.models import StockMovement
from apps.inventory.states import MovementKind
from apps.orders.errors import InvalidPaymentTransition, InvalidTransition, OrderHasOtherSellers, OrderNotFound
from apps.orders.models import Order
from apps.orders.services.transitions import move_order
from apps.orders.states import PAYMENT_TRANSITIONS, OrderStatus, PaymentStatus
from core.errors import Forbidden
from core.ids import new_id
from tests.apps.orders.making import history, make_order, make_order_in, news, pay, stock_of
from tests.factories import default_variant, make_product

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
P, C, R, S, D, X, B = (
    OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED,
    OrderStatus.CANCELLED, OrderStatus.RETURNED,
)  # fmt: skip
ALLOWED = {(P, C), (P, X), (C, R), (C, X), (R, S), (R, X), (S, D), (D, B)}
EVENTS = {
    C: "orders.confirmed", R: "orders.processing_started", S: "orders.shipped", D: "orders.delivered",
    X: "orders.cancelled", B: "orders.returned",
}  # fmt: skip
STAMPS = {C: "confirmed_at", S: "shipped_at", D: "delivered_at", X: "cancelled_at"}
STOCK_AFTER = {C: (10, 2), R: (10, 2), S: (8, 0), D: (8, 0), X: (10, 0), B: (10, 0)}


@pytest.mark.parametrize("start", OrderStatus)
@pytest.mark.parametrize("to", OrderStatus)
def test_every_pair_of_order_states(start: OrderStatus, to: OrderStatus, admin: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order_in(start, (variant, 2))
    if (start, to) == (P, C):
        Order.objects.filter(pk=order.pk).update(payment_method="cod")
    before = (history(order), news(order), stock_of(variant), order.version)

    if (start, to) not in ALLOWED:
        with pytest.raises(InvalidTransition) as refusal:
            move_order(order_id=order.pk, to=to, actor=admin, now=NOW)
        assert refusal.value.extra["from"] == start
        assert refusal.value.extra["to"] == to
        order.refresh_from_db()
        assert order.status == start
        assert (history(order), news(order), stock_of(variant), order.version) == before
        return

    moved = move_order(order_id=order.pk, to=to, actor=admin, reason="as asked", now=NOW)

    order.refresh_from_db()
    assert (moved.status, order.status, order.version) == (to, to, before[3] + 1)
    assert history(order) == [*before[0], (start, to, "as asked")]
    assert order.status_changes.last().actor == admin  # type: ignore[union-attr]
    assert news(order) == [*before[1], EVENTS[to]]
    assert stock_of(variant) == STOCK_AFTER[to]
    if to in STAMPS:
        assert getattr(order, STAMPS[to]) == NOW


@pytest.mark.parametrize("start", PaymentStatus)
@pytest.mark.parametrize("to", PaymentStatus)
def test_every_pair_of_payment_states(start: PaymentStatus, to: PaymentStatus) -> None:
    """A ledger that jumped is walked through step by step; where the table has no way, nothing changes."""
    order = make_order()
    pay(order, start)
    before = history(order, "payment_status")

    if not _reachable(start, to):
        with pytest.raises(InvalidPaymentTransition) as refusal:
            pay(order, to)
        assert refusal.value.extra == {"from": start, "to": to}
        assert history(order, "payment_status") == before
        order.refresh_from_db()
        assert order.payment_status == start
        return

    assert pay(order, to).payment_status == to
    order.refresh_from_db()
    assert order.payment_status == to
    steps = history(order, "payment_status")[len(before) :]
    assert all(PaymentStatus(after) in PAYMENT_TRANSITIONS[PaymentStatus(early)] for early, after, _ in steps)
    assert ([start] if not steps else [steps[0][0], steps[-1][1]]) == ([start] if start == to else [start, to])


def _reachable(start: PaymentStatus, goal: PaymentStatus) -> bool:
    found, waiting = {start}, [start]
    while waiting:
        for onward in PAYMENT_TRANSITIONS[waiting.pop()] - found:
            found.add(onward)
            waiting.append(onward)
    return goal in found


def test_paid_order_is_confirmed_in_the_same_step() -> None:
    order = make_order()

    paid = pay(order)

    assert (paid.status, paid.payment_status, paid.version) == ("confirmed", "paid", 2)
    assert paid.confirmed_at is not None
    assert news(order) == ["orders.placed", "orders.paid", "orders.confirmed"]
    assert history(order) == [("", "pending", "placed"), ("pending", "confirmed", "paid")]


def test_paid_twice_counts_once() -> None:
    order = make_order()
    pay(order)

    pay(order)

    assert news(order) == ["orders.placed", "orders.paid", "orders.confirmed"]


def test_failed_payment_leaves_the_order_payable() -> None:
    order = make_order()

    pay(order, PaymentStatus.FAILED)

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("pending", "failed")
    assert pay(order).status == "confirmed"


def test_cash_on_delivery_paid_later_stays_where_it_is() -> None:
    order = make_order_in(OrderStatus.DELIVERED, payment_method="cod")

    paid = pay(order)

    assert (paid.status, paid.payment_status) == ("delivered", "paid")
    assert news(order)[-1] == "orders.paid"


def test_money_for_a_cancelled_order_is_recorded_and_announced_for_refund() -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order_in(OrderStatus.CANCELLED, (variant, 2))

    paid = pay(order)

    assert (paid.status, paid.payment_status) == ("cancelled", "paid")
    assert news(order) == ["orders.placed", "orders.cancelled", "orders.paid_after_cancellation"]
    assert stock_of(variant) == (10, 0)


def test_capture_and_refund_that_arrive_together_are_both_on_record() -> None:
    order = make_order()

    pay(order, PaymentStatus.REFUNDED)

    assert history(order, "payment_status")[1:] == [("pending", "paid", ""), ("paid", "refunded", "")]


def test_unpaid_online_order_is_not_confirmed_by_hand(admin: User) -> None:
    order = make_order()

    with pytest.raises(InvalidTransition) as refusal:
        move_order(order_id=order.pk, to=C, actor=admin, now=NOW)

    assert refusal.value.extra == {"from": "pending", "to": "confirmed", "allowed": ["cancelled"]}
    order.refresh_from_db()
    assert order.status == "pending"


def test_refusal_names_what_is_allowed(admin: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING)

    with pytest.raises(InvalidTransition) as refusal:
        move_order(order_id=order.pk, to=D, actor=admin, now=NOW)

    assert refusal.value.extra == {"from": "processing", "to": "delivered", "allowed": ["shipped", "cancelled"]}


def test_shipping_writes_the_stock_ledger(admin: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order_in(OrderStatus.PROCESSING, (variant, 3))

    move_order(order_id=order.pk, to=S, actor=admin, now=NOW)

    movement = StockMovement.objects.get(kind=MovementKind.SHIP)
    assert (movement.quantity, movement.reference, movement.actor) == (-3, f"order:{order.pk}", admin)


def test_seller_moves_an_order_that_is_wholly_theirs(seller: User) -> None:
    order = make_order_in(OrderStatus.CONFIRMED, (default_variant(make_product(seller=seller)), 1))

    assert move_order(order_id=order.pk, to=R, actor=seller, now=NOW).status == "processing"


def test_seller_does_not_move_an_order_with_other_sellers(seller: User) -> None:
    own, other = default_variant(make_product(seller=seller)), default_variant(make_product())
    order = make_order_in(OrderStatus.CONFIRMED, (own, 1), (other, 1))

    with pytest.raises(OrderHasOtherSellers):
        move_order(order_id=order.pk, to=R, actor=seller, now=NOW)

    order.refresh_from_db()
    assert order.status == "confirmed"


def test_seller_does_not_see_an_order_without_own_lines(seller: User) -> None:
    order = make_order_in(OrderStatus.CONFIRMED)

    with pytest.raises(OrderNotFound):
        move_order(order_id=order.pk, to=R, actor=seller, now=NOW)


def test_customer_does_not_move_even_an_own_order(customer: User) -> None:
    order = make_order_in(OrderStatus.CONFIRMED, user=customer)

    with pytest.raises(Forbidden):
        move_order(order_id=order.pk, to=R, actor=customer, now=NOW)

    order.refresh_from_db()
    assert order.status == "confirmed"


def test_order_that_does_not_exist(admin: User) -> None:
    with pytest.raises(OrderNotFound):
        move_order(order_id=new_id(), to=R, actor=admin, now=NOW)


def test_overlong_reason_is_cut_to_what_is_kept(admin: User) -> None:
    order = make_order()

    move_order(order_id=order.pk, to=X, actor=admin, reason="x" * 300, now=NOW)

    order.refresh_from_db()
    assert order.cancel_reason == "x" * 200
