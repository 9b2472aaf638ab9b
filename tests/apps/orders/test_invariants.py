"""Each invariant of orders is silent on a shop that was only used, and speaks when its own thing is wrong."""

from decimal import Decimal

import pytest
from django.db.models import F

from apps.inventory.models import Reservation
from apps.orders import invariants
from apps.orders.models import Order, OrderItem
from apps.orders.states import OrderStatus, PaymentStatus
from apps.pricing.models import TaxRate
from core.events.models import OutboxEvent
from core.ids import new_id
from core.invariants import check_invariants
from tests.apps.orders.making import make_order, make_order_in, pay
from tests.factories import make_shipping

pytestmark = pytest.mark.django_db


def test_a_used_shop_is_clean() -> None:
    make_shipping()
    TaxRate.objects.create(name="US", country="US", rate=Decimal("0.0825"))
    for status in OrderStatus:
        make_order_in(status)
    pay(make_order(), PaymentStatus.PARTIALLY_REFUNDED)

    of_others = ("payments.", "invoices.")  # paid here without a payment, as their ledgers rightly notice
    findings = [finding for finding in check_invariants() if not finding.name.startswith(of_others)]
    assert {finding.name: finding.violations for finding in findings if finding.violations} == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": Decimal("19.99")},
        {"subtotal": Decimal("21.00")},
        {"discount_amount": Decimal("1.00")},
        {"shipping_cost": Decimal("0.01")},
        {"tax_amount": Decimal("0.01")},
    ],
)
def test_figures_that_do_not_add_up(changes: dict[str, Decimal]) -> None:
    order = make_order()
    Order.objects.update(**changes)

    [violation] = invariants.total_is_sum_of_lines()

    assert order.order_number in violation


def test_line_tax_above_the_orders() -> None:
    make_order()
    OrderItem.objects.update(tax_amount=Decimal("0.01"))

    assert len(list(invariants.total_is_sum_of_lines())) == 1


def test_line_total_that_is_not_price_times_quantity() -> None:
    make_order()
    OrderItem.objects.update(total=Decimal("20.01"))

    assert len(list(invariants.line_total_is_price_times_quantity())) == 1


def test_order_without_lines() -> None:
    make_order()
    OrderItem.objects.all().delete()

    assert len(list(invariants.have_lines())) == 1


def test_status_changed_past_the_services() -> None:
    order = make_order()
    Order.objects.update(status=OrderStatus.SHIPPED)

    [violation] = invariants.history_is_a_path()

    assert violation == f"order {order.pk}: status is 'shipped', its history ends at 'pending'"


def test_history_that_jumps() -> None:
    order = make_order()
    order.status_changes.create(field="status", from_state="pending", to_state="shipped")
    Order.objects.update(status=OrderStatus.SHIPPED)

    [violation] = invariants.history_is_a_path()

    assert "from 'pending' to 'shipped'" in violation


def test_order_without_history() -> None:
    order = make_order()
    order.pk, order.cart_id, order.order_number = new_id(), new_id(), "WRITTEN-BY-HAND"
    order.save(force_insert=True)

    assert list(invariants.have_a_history()) == ["order WRITTEN-BY-HAND lacks history"]


def test_reservation_that_lacks_a_unit() -> None:
    order = make_order()
    Reservation.objects.update(quantity=F("quantity") - 1)

    [violation] = invariants.open_orders_hold_their_stock()

    assert violation.startswith(f"order {order.pk} needs 2 of ")


def test_finished_order_that_still_holds_stock() -> None:
    make_order()
    Order.objects.update(status=OrderStatus.CANCELLED)

    [violation] = invariants.open_orders_hold_their_stock()

    assert "needs nothing and holds 2 of" in violation


def test_order_that_was_announced_twice_or_never() -> None:
    first, second = make_order(), make_order()
    OutboxEvent.objects.filter(aggregate_id=str(first.pk)).delete()
    event = OutboxEvent.objects.get(aggregate_id=str(second.pk))
    OutboxEvent.objects.create(
        name=event.name, aggregate_id=event.aggregate_id, payload={}, occurred_at=event.occurred_at
    )

    assert list(invariants.placed_once()) == [
        f"order {first.pk} was announced 0 times",
        f"order {second.pk} was announced 2 times",
    ]


def test_times_that_contradict_the_status() -> None:
    make_order_in(OrderStatus.CANCELLED)
    Order.objects.update(cancelled_at=None)

    assert len(list(invariants.times_match_status())) == 1
