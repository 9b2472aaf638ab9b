"""What a refund takes back: counted once, on the shelf once, and never more than was bought."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.inventory.models import StockMovement
from apps.orders.errors import ShippingAlreadyRefunded, TooManyUnits
from apps.orders.locks import lock_order, lock_with_items
from apps.orders.models import Order, OrderItem
from apps.orders.services.taking_back import TakingBackDrift, take_back, undo_take_back
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.products.models import ProductVariant
from core import clock
from core.ids import new_id
from core.transactions import atomic
from tests.apps.orders.making import force_move, make_order, make_order_in, stock_of, take_back_units, violations
from tests.factories import default_variant, make_product

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
UNSENT = [OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.PROCESSING]
SENT = [OrderStatus.SHIPPED, OrderStatus.DELIVERED]
OVER = [OrderStatus.CANCELLED, OrderStatus.RETURNED]


@pytest.fixture
def variant() -> ProductVariant:
    return default_variant(make_product(stock=10))


def counts(order: Order) -> list[tuple[int, int]]:
    """Return (refunded, restocked) of each line."""
    lines = OrderItem.objects.filter(order=order).order_by("position")
    return list(lines.values_list("refunded_quantity", "restocked_quantity"))


def undo(order: Order, units: int, *, shipping: bool = False) -> None:
    item = OrderItem.objects.get(order=order)
    with atomic():
        locked = lock_order(order.pk)
        undo_take_back(order=locked, quantities={item.pk: units} if units else {}, shipping=shipping, now=NOW)


def everything(order: Order, variant: ProductVariant) -> tuple[Any, ...]:
    order.refresh_from_db()
    return order.version, order.shipping_refunded, counts(order), stock_of(variant), StockMovement.objects.count()


# --- Where the goods go --------------------------------------------------------------------------------
@pytest.mark.parametrize("status", UNSENT)
def test_before_it_is_sent_the_units_are_free_again(status: OrderStatus, variant: ProductVariant) -> None:
    order = make_order_in(status, (variant, 4))

    take_back_units(order, 1)

    assert (counts(order), stock_of(variant)) == ([(1, 1)], (10, 3))
    assert violations() == {}


@pytest.mark.parametrize("status", SENT)
def test_after_it_was_sent_they_come_back_to_the_shelf(
    status: OrderStatus, variant: ProductVariant, admin: User
) -> None:
    order = make_order_in(status, (variant, 4))

    take_back_units(order, 3, reference="refund:7", actor=admin, reason="r" * 300)

    assert (counts(order), stock_of(variant)) == ([(3, 3)], (9, 0))
    movement = StockMovement.objects.get(kind="restock")
    assert (movement.quantity, movement.reference, movement.actor, movement.reason) == (3, "refund:7", admin, "r" * 200)
    assert violations() == {}


@pytest.mark.parametrize("status", OVER)
def test_what_came_back_with_the_order_does_not_come_back_again(status: OrderStatus, variant: ProductVariant) -> None:
    order = make_order_in(status, (variant, 4))

    take_back_units(order, 4)

    assert (counts(order), stock_of(variant)) == ([(4, 0)], (10, 0))
    assert violations() == {}


@pytest.mark.parametrize("status", OrderStatus)
def test_without_restock_the_goods_stay_where_they_are(status: OrderStatus, variant: ProductVariant) -> None:
    order = make_order_in(status, (variant, 4))
    before = stock_of(variant)

    take_back_units(order, 4, restock=False)

    assert (counts(order), stock_of(variant)) == ([(4, 0)], before)
    assert violations() == {}


def test_rest_of_the_order_is_sent_and_returned(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.PROCESSING, (variant, 4))
    take_back_units(order, 1)

    order = force_move(order, OrderStatus.SHIPPED)
    assert stock_of(variant) == (7, 0)
    take_back_units(order, 1, reference="refund:2")
    assert stock_of(variant) == (8, 0)
    for step in (OrderStatus.DELIVERED, OrderStatus.RETURNED):
        order = force_move(order, step)

    assert (counts(order), stock_of(variant)) == ([(2, 2)], (10, 0))
    assert violations() == {}


def test_rest_of_the_order_is_cancelled(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.CONFIRMED, (variant, 4))
    take_back_units(order, 1)

    force_move(order, OrderStatus.CANCELLED)

    assert stock_of(variant) == (10, 0)
    assert violations() == {}


@pytest.mark.parametrize("way", [UNSENT[2:] + SENT + [OrderStatus.RETURNED], [OrderStatus.CANCELLED]])
def test_order_of_which_nothing_is_left_moves_on_without_stock(way: list[OrderStatus], variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.CONFIRMED, (variant, 4))
    take_back_units(order, 4)
    assert stock_of(variant) == (10, 0)

    for step in way:
        order = force_move(order, step)

    assert (order.status, stock_of(variant)) == (way[-1], (10, 0))
    assert not StockMovement.objects.filter(kind__in=["ship", "restock"]).exists()
    assert violations() == {}


def test_a_return_looks_at_what_was_restocked_after_the_lines_were_read(variant: ProductVariant, admin: User) -> None:
    order = make_order_in(OrderStatus.DELIVERED, (variant, 4))
    with atomic():
        locked = lock_with_items(order.pk)
        take_back_units(order, 3)
        assert [item.restocked_quantity for item in locked.fetched_items or ()] == [0]

    move_order(order_id=order.pk, to=OrderStatus.RETURNED, actor=admin, now=NOW)

    assert stock_of(variant) == (10, 0)


def test_two_lines_go_back_together(variant: ProductVariant) -> None:
    other = default_variant(make_product(stock=5))
    order = make_order_in(OrderStatus.SHIPPED, (variant, 4), (other, 2))

    take_back_units(order, 2, 1)

    assert (counts(order), stock_of(variant), stock_of(other)) == ([(2, 2), (1, 1)], (8, 0), (4, 0))


# --- Never more than was bought --------------------------------------------------------------------------
@pytest.mark.parametrize(("before", "more", "left"), [(0, 5, 4), (3, 2, 1), (4, 1, 0)])
@pytest.mark.parametrize("status", [OrderStatus.CONFIRMED, OrderStatus.SHIPPED])
def test_more_units_than_are_left_are_refused(
    status: OrderStatus, before: int, more: int, left: int, variant: ProductVariant
) -> None:
    order = make_order_in(status, (variant, 4))
    if before:
        take_back_units(order, before)
    found = everything(order, variant)

    with pytest.raises(TooManyUnits) as refusal, transaction.atomic():
        take_back_units(order, more, reference="refund:2")

    item = order.items.get()
    assert (refusal.value.code, refusal.value.extra) == ("too_many_units", {"item_id": str(item.pk), "left": left})
    assert everything(order, variant) == found


def test_one_line_too_many_refuses_all(variant: ProductVariant) -> None:
    other = default_variant(make_product(stock=5))
    order = make_order_in(OrderStatus.SHIPPED, (variant, 4), (other, 2))

    with pytest.raises(TooManyUnits), transaction.atomic():
        take_back_units(order, 1, 3, shipping=True)

    order.refresh_from_db()
    assert (counts(order), order.shipping_refunded) == ([(0, 0), (0, 0)], False)
    assert (stock_of(variant), stock_of(other)) == ((6, 0), (3, 0))


def test_a_line_of_another_order_has_nothing_to_take_back(variant: ProductVariant) -> None:
    order, other = make_order((variant, 1)), make_order((variant, 2))
    foreign = other.items.get()

    for item_id in (foreign.pk, new_id()):
        with pytest.raises(TooManyUnits) as refusal, transaction.atomic():
            take_back(
                order=order, quantities={item_id: 1}, shipping=False, restock=True, reference="refund:1", actor=None,
                reason="", now=NOW,
            )  # fmt: skip
        assert refusal.value.extra == {"item_id": str(item_id), "left": 0}

    assert (counts(order), counts(other)) == ([(0, 0)], [(0, 0)])


@pytest.mark.parametrize("units", [-1, 0])
def test_less_than_a_unit_is_a_bug(units: int, variant: ProductVariant) -> None:
    order = make_order((variant, 2))

    with pytest.raises(ValueError):
        take_back(
            order=order, quantities={order.items.get().pk: units}, shipping=False, restock=True,
            reference="refund:1", actor=None, reason="", now=NOW,
        )  # fmt: skip

    assert counts(order) == [(0, 0)]


@pytest.mark.parametrize("column", ["refunded_quantity", "restocked_quantity"])
def test_the_database_refuses_more_than_was_bought(column: str, variant: ProductVariant) -> None:
    order = make_order((variant, 2))

    with pytest.raises(IntegrityError), transaction.atomic():
        OrderItem.objects.filter(order=order).update(**{column: 3})

    assert counts(order) == [(0, 0)]


# --- Shipping --------------------------------------------------------------------------------------------
def test_shipping_is_refunded_once(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.SHIPPED, (variant, 4))
    refunded = take_back_units(order, shipping=True)
    assert (refunded.shipping_refunded, refunded.version) == (True, order.version + 1)
    before = everything(order, variant)

    with pytest.raises(ShippingAlreadyRefunded) as refusal, transaction.atomic():
        take_back_units(order, 1, shipping=True)

    assert refusal.value.code == "shipping_already_refunded"
    assert everything(order, variant) == before


def test_units_go_back_after_the_shipping_did(variant: ProductVariant) -> None:
    order = take_back_units(make_order_in(OrderStatus.SHIPPED, (variant, 4)), shipping=True)

    order = take_back_units(order, 1)

    stored = Order.objects.get(pk=order.pk)
    assert (stored.shipping_refunded, stored.version, order.version) == (True, order.version, stored.version)
    assert counts(order) == [(1, 1)]


def test_the_order_is_dated_and_its_lines_are_read_again(variant: ProductVariant) -> None:
    order = make_order((variant, 4))
    with atomic():
        locked = lock_with_items(order.pk)
        [item] = locked.fetched_items or ()
        take_back(
            order=locked, quantities={item.pk: 1}, shipping=False, restock=True, reference="refund:1", actor=None,
            reason="", now=NOW,
        )  # fmt: skip

    stored = Order.objects.get(pk=order.pk)
    assert (locked.version, locked.updated_at, locked.fetched_items) == (2, NOW, None)
    assert (stored.version, stored.updated_at) == (2, NOW)


# --- A refund that failed --------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [OrderStatus.CONFIRMED, OrderStatus.SHIPPED])
def test_refund_that_failed_leaves_the_goods_and_may_be_tried_again(
    status: OrderStatus, variant: ProductVariant
) -> None:
    order = make_order_in(status, (variant, 4))
    take_back_units(order, 3, shipping=True)
    stock = stock_of(variant)

    undo(order, 3, shipping=True)
    order.refresh_from_db()
    assert (counts(order), order.shipping_refunded, stock_of(variant)) == ([(0, 3)], False, stock)
    assert violations() == {}
    again = take_back_units(order, 3, reference="refund:2", shipping=True)

    assert (counts(order), again.shipping_refunded, stock_of(variant)) == ([(3, 3)], True, stock)


def test_after_a_failed_refund_only_further_units_come_back(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.SHIPPED, (variant, 4))
    take_back_units(order, 1)
    undo(order, 1)

    take_back_units(order, 3, reference="refund:2")

    assert (counts(order), stock_of(variant)) == ([(3, 3)], (9, 0))


def test_a_refund_that_is_told_twice_restocks_under_its_name_once(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.SHIPPED, (variant, 4))
    take_back_units(order, 1, reference="refund:1")

    take_back_units(order, 1, reference="refund:1")

    assert (counts(order), stock_of(variant)) == ([(2, 1)], (7, 0))


def test_what_was_not_counted_cannot_be_undone(variant: ProductVariant) -> None:
    order = make_order_in(OrderStatus.SHIPPED, (variant, 4))
    take_back_units(order, 1)
    before = everything(order, variant)

    for units, shipping in ((2, False), (0, True)):
        with pytest.raises(TakingBackDrift), transaction.atomic():
            undo(order, units, shipping=shipping)

    assert everything(order, variant) == before


def test_a_line_is_taken_back_in_6_statements_before_it_is_sent_and_in_7_after(
    variant: ProductVariant, django_assert_num_queries: Any
) -> None:
    unsent, sent = make_order_in(OrderStatus.CONFIRMED, (variant, 4)), make_order_in(OrderStatus.SHIPPED, (variant, 4))
    details = {"shipping": True, "restock": True, "actor": None, "reason": "", "now": clock.now()}

    for order, statements in ((unsent, 6), (sent, 7)):
        item = order.items.get()
        with atomic(), django_assert_num_queries(statements):
            take_back(order=order, quantities={item.pk: 1}, reference=f"refund:{order.pk}", **details)
