"""What must always be true of orders; `manage.py verify_invariants` looks."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.inventory.models import Reservation
from apps.inventory.states import ReservationState
from apps.orders.errors import OrderNotFound
from apps.orders.events import OrderPlaced
from apps.orders.locks import lock_order
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services.moves import stock_reference
from apps.orders.states import (
    ORDER_TRANSITIONS,
    PAYMENT_REVERSALS,
    PAYMENT_TRANSITIONS,
    REVIVALS,
    STOCK_HELD,
    OrderStatus,
    PaymentStatus,
)
from core import clock
from core.events.models import OutboxEvent
from core.invariants import invariant
from core.money import ZERO
from core.periodic.upkeep import DEFAULT_KEEP_DAYS
from core.transactions import atomic

Units = dict[uuid.UUID, int]
_SUMMED = ("total", "discount_amount", "tax_amount")
_FIGURES = (
    "order_number", "subtotal", "discount_amount", "shipping_cost", "tax_amount", "total_amount", "prices_include_tax",
)  # fmt: skip
_START = {"status": OrderStatus.PENDING.value, "payment_status": PaymentStatus.PENDING.value}
_ALLOWED = {
    "status": {
        *((before.value, after.value) for before, onward in ORDER_TRANSITIONS.items() for after in onward),
        *((before.value, after.value) for before, after in REVIVALS.items()),
    },
    "payment_status": {
        (before.value, after.value)
        for table in (PAYMENT_TRANSITIONS, PAYMENT_REVERSALS)
        for before, onward in table.items()
        for after in onward
    },
}


@invariant("orders.total_is_sum_of_lines")
def total_is_sum_of_lines() -> Iterable[str]:
    """Subtotal and discount are those of the lines; total = subtotal - discount + shipping + tax, to the last unit.

    The lines' tax is the order's tax less that on shipping.
    """
    sums = OrderItem.objects.filter(order=OuterRef("pk")).order_by().values("order")
    of_lines = {f"lines_{name}": Coalesce(Subquery(sums.values(found=Sum(name))), ZERO) for name in _SUMMED}
    # The sums are the database's, the comparisons ours: SQLite calculates with floats.
    for order in Order.objects.annotate(**of_lines).order_by("pk").values(*_FIGURES, *of_lines).iterator():
        if wrong := _wrong_figures(order):
            yield f"order {order['order_number']}: " + ", ".join(f"{name} {order[name]}" for name in wrong)


@invariant("orders.line_total_is_price_times_quantity")
def line_total_is_price_times_quantity() -> Iterable[str]:
    """Each line's total is its unit price times its quantity."""
    lines = OrderItem.objects.order_by("pk").values_list("pk", "unit_price", "quantity", "total")
    for pk, unit_price, quantity, total in lines.iterator():
        if unit_price * quantity != total:
            yield f"order item {pk}: {quantity} at {unit_price} do not make {total}"


@invariant("orders.have_lines")
def have_lines() -> Iterable[str]:
    """Every order has at least one line."""
    empty = Order.objects.annotate(lines=Count("items")).filter(lines=0).order_by("pk")
    for number in empty.values_list("order_number", flat=True):
        yield f"order {number} has no lines"


@invariant("orders.history_is_a_path")
def history_is_a_path() -> Iterable[str]:
    """The history of each state begins at its start, follows the state table and ends where the order is."""
    changes = OrderStatusChange.objects.order_by("order_id", "field", "created_at", "id").values_list(
        "order_id", "field", "from_state", "to_state", "order__status", "order__payment_status"
    )
    for (order_id, field), steps in groupby(changes.iterator(), key=lambda row: (row[0], row[1])):
        known = present = ""
        for _, _, before, after, status, payment_status in steps:
            if before != known or not _is_move(field, before, after):
                yield f"order {order_id}: {field} went from {before!r} to {after!r} while it was {known!r}"
            known, present = after, status if field == "status" else payment_status
        if known != present:
            yield f"order {order_id}: {field} is {present!r}, its history ends at {known!r}"


@invariant("orders.have_a_history")
def have_a_history() -> Iterable[str]:
    """Every order has history of both of its states."""
    of_order = OrderStatusChange.objects.filter(order=OuterRef("pk"))
    silent = Order.objects.exclude(
        Exists(of_order.filter(field="status")) & Exists(of_order.filter(field="payment_status"))
    )
    for number in silent.order_by("pk").values_list("order_number", flat=True):
        yield f"order {number} lacks history"


@invariant("orders.open_orders_hold_their_stock")
def open_orders_hold_their_stock() -> Iterable[str]:
    """An order that is not shipped holds reservations for its lines, less what was restocked; any other holds none.

    Two reads cannot see one moment, so what differs is looked at again under the order's lock.
    """
    held, needed = _held(), _needed()
    for order_id in sorted(held.keys() | needed.keys()):
        if needed.get(order_id, {}) != held.get(order_id, {}):
            yield from _confirm_difference(order_id)


@invariant("orders.placed_once")
def placed_once() -> Iterable[str]:
    """Every order was announced exactly once. Events are kept for a time: older orders are not asked about."""
    kept_days = getattr(settings, "OUTBOX_KEEP_DAYS", DEFAULT_KEEP_DAYS)
    since = clock.now() - dt.timedelta(days=kept_days - 1, hours=23)
    recent = list(Order.objects.filter(created_at__gte=since).order_by("pk").values_list("pk", flat=True))
    news = OutboxEvent.objects.filter(name=OrderPlaced.name).order_by()
    announced = dict(news.values_list("aggregate_id").annotate(times=Count("pk")))
    for order_id in recent:
        times = announced.get(str(order_id), 0)
        if times != 1:
            yield f"order {order_id} was announced {times} times"


@invariant("orders.times_match_status")
def times_match_status() -> Iterable[str]:
    """A cancelled order says when, an order not cancelled does not; a delivered one says when."""
    cancelled = Q(status=OrderStatus.CANCELLED)
    delivered = Q(status__in=[OrderStatus.DELIVERED, OrderStatus.RETURNED])
    wrong = Order.objects.filter(
        (cancelled & Q(cancelled_at=None))
        | (~cancelled & Q(cancelled_at__isnull=False))
        | (delivered & Q(delivered_at=None))
        | (~delivered & Q(delivered_at__isnull=False))
    )
    for number, status in wrong.order_by("pk").values_list("order_number", "status"):
        yield f"order {number} is {status} but its times say otherwise"


def _wrong_figures(order: dict[str, Any]) -> list[str]:
    """Return the names of the order's figures that contradict the others."""
    on_top = ZERO if order["prices_include_tax"] else order["tax_amount"]
    total = order["subtotal"] - order["discount_amount"] + order["shipping_cost"] + on_top
    holds = {
        "total_amount": order["total_amount"] == total,
        "subtotal": order["subtotal"] == order["lines_total"],
        "discount_amount": order["discount_amount"] == order["lines_discount_amount"],
        "tax_amount": order["tax_amount"] >= order["lines_tax_amount"],
    }
    return [name for name, is_right in holds.items() if not is_right]


def _is_move(field: str, before: str, after: str) -> bool:
    return after == _START[field] if before == "" else (before, after) in _ALLOWED[field]


def _confirm_difference(order_id: uuid.UUID) -> Iterator[str]:
    with atomic():
        try:
            lock_order(order_id)
        except OrderNotFound:
            yield f"order {order_id} does not exist but holds stock"
            return
        needed, held = _needed(order_id).get(order_id, {}), _held(order_id).get(order_id, {})
    if needed != held:
        yield f"order {order_id} needs {_as_text(needed)} and holds {_as_text(held)}"


def _needed(order_id: uuid.UUID | None = None) -> dict[uuid.UUID, Units]:
    """Units per variant of the orders whose stock is not gone yet."""
    items = OrderItem.objects.filter(order__status__in=sorted(STOCK_HELD)).order_by()
    items = items.filter(order_id=order_id) if order_id else items
    needed: dict[uuid.UUID, Units] = defaultdict(dict)
    left = items.values_list("order_id", "variant_id").annotate(units=Sum(F("quantity") - F("restocked_quantity")))
    for order, variant, units in left.filter(units__gt=0):
        needed[order][variant] = units
    return needed


def _held(order_id: uuid.UUID | None = None) -> dict[uuid.UUID, Units]:
    """Units per variant of open reservations."""
    prefix = stock_reference(order_id) if order_id else stock_reference("")
    rows = Reservation.objects.filter(state=ReservationState.OPEN, reference__startswith=prefix).order_by()
    held: dict[uuid.UUID, Units] = defaultdict(dict)
    for reference, variant, units in rows.values_list("reference", "stock__variant_id").annotate(units=Sum("quantity")):
        held[uuid.UUID(reference.removeprefix(stock_reference("")))][variant] = units
    return held


def _as_text(units: Units) -> str:
    return ", ".join(f"{number} of {variant_id}" for variant_id, number in sorted(units.items())) or "nothing"
