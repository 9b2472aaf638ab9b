"""Counts what is taken back of an order for a refund, and puts it back on the shelf when that is wanted."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import F

from apps.accounts.models import User
from apps.inventory.selectors import restocks_of
from apps.inventory.services import reservations
from apps.orders.errors import ShippingAlreadyRefunded, TooManyUnits
from apps.orders.models import Order, OrderItem
from apps.orders.services.moves import REASON_LENGTH, stock_reference
from apps.orders.states import STOCK_HELD, STOCK_SENT
from core.transactions import atomic

Units = Counter[uuid.UUID]


class TakingBackDrift(RuntimeError):
    """What a failed refund had counted is not counted: a bug of ours. Nothing is changed."""


def take_back(
    *,
    order: Order,
    quantities: Mapping[uuid.UUID, int],
    shipping: bool,
    restock: bool,
    reference: str,
    actor: User | None,
    reason: str,
    now: dt.datetime,
) -> None:
    """These units (order item id → units, at least 1) and, with `shipping`, the sending count as refunded.

    With `restock` the goods can be sold again: before they are sent that part of the order's reservation is
    released, afterwards they come back to the shelf under `reference` (the refund's name), once. Units that lie there
    already do not come back twice: those of an order that was cancelled or returned, and those whose refund failed.

    `order` is locked in the caller's transaction. Locks the stock last. Raises TooManyUnits (also for a line of
    another order), ShippingAlreadyRefunded, and ValueError for less than one unit; the caller's transaction is then
    rolled back.
    """
    if any(units < 1 for units in quantities.values()):
        raise ValueError("at least one unit is taken back")
    with atomic():
        demand: Units = Counter()
        may_restock = restock and _may_restock(order, reference)
        for item in _lines(order, quantities):
            back = _units_to_restock(item, quantities[item.pk]) if may_restock else 0
            _count(item, quantities[item.pk], back)
            demand[item.variant_id] += back
        if not _note(order, shipping_refunded=True if shipping else None, now=now):
            raise ShippingAlreadyRefunded
        _bring_back(order, +demand, reference=reference, actor=actor, reason=reason, now=now)


def undo_take_back(*, order: Order, quantities: Mapping[uuid.UUID, int], shipping: bool, now: dt.datetime) -> None:
    """The refund failed: these units and, with `shipping`, the sending do not count as refunded any more.

    The stock stays where it is. `order` is locked by the caller, who undoes each refund once. Raises TakingBackDrift.
    """
    with atomic():
        for item in _lines(order, quantities):
            units = quantities[item.pk]
            counted = OrderItem.objects.filter(pk=item.pk, refunded_quantity__gte=units)
            if not counted.update(refunded_quantity=F("refunded_quantity") - units):
                raise TakingBackDrift(f"fewer than {units} units of order item {item.pk} are refunded")
        if not _note(order, shipping_refunded=False if shipping else None, now=now):
            raise TakingBackDrift(f"the sending of order {order.pk} is not refunded")


def _lines(order: Order, quantities: Mapping[uuid.UUID, int]) -> list[OrderItem]:
    """Return the order's lines to be changed, as they are now. Raises TooManyUnits for a line it does not have."""
    lines = list(OrderItem.objects.filter(order=order, pk__in=list(quantities)).order_by("pk"))
    for item_id in sorted(set(quantities) - {line.pk for line in lines}):
        raise _too_many(item_id, 0)
    return lines


def _may_restock(order: Order, reference: str) -> bool:
    if order.status in STOCK_SENT:
        return not restocks_of(reference).exists()
    return order.status in STOCK_HELD


def _units_to_restock(item: OrderItem, units: int) -> int:
    """Leave out what a refund that failed brought back: such units are on the shelf without counting as refunded."""
    on_the_shelf = max(0, item.restocked_quantity - item.refunded_quantity)
    return min(max(0, units - on_the_shelf), item.quantity - item.restocked_quantity)


def _count(item: OrderItem, units: int, back: int) -> None:
    """Add to the line's counts. The condition stands in the statement; the order's lock only makes rivals queue."""
    refunded, restocked = F("refunded_quantity") + units, F("restocked_quantity") + back
    enough_left = OrderItem.objects.filter(pk=item.pk, quantity__gte=refunded).filter(quantity__gte=restocked)
    if not enough_left.update(refunded_quantity=refunded, restocked_quantity=restocked):
        raise _too_many(item.pk, item.quantity - item.refunded_quantity)


def _too_many(item_id: uuid.UUID, left: int) -> TooManyUnits:
    told: dict[str, Any] = {"item_id": str(item_id), "left": left}
    return TooManyUnits(f"Only {left} units of this line are left to be refunded.", **told)


def _note(order: Order, *, shipping_refunded: bool | None, now: dt.datetime) -> bool:
    """Write that the order changed and, unless None, the mark of its shipping; False when the mark was so before."""
    rows, marks = Order.objects.filter(pk=order.pk), {}
    if shipping_refunded is not None:
        rows, marks = rows.filter(shipping_refunded=not shipping_refunded), {"shipping_refunded": shipping_refunded}
    if not rows.update(version=F("version") + 1, updated_at=now, **marks):
        return False
    order.version, order.updated_at, order.fetched_items = order.version + 1, now, None
    order.shipping_refunded = marks.get("shipping_refunded", order.shipping_refunded)
    return True


def _bring_back(
    order: Order, demand: Units, *, reference: str, actor: User | None, reason: str, now: dt.datetime
) -> None:
    if not demand:
        return
    if order.status in STOCK_HELD:
        reservations.release_part(reference=stock_reference(order.pk), demand=demand, now=now)
    else:
        reservations.restock(reference=reference, demand=demand, actor=actor, reason=reason[:REASON_LENGTH], now=now)
