"""What a refund that a person asks for comes to: which units, the shipping or not, and how much of the money for each.

Reads only. The caller holds the order's lock, under which the lines were read.
"""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from apps.accounts.models import User
from apps.orders.errors import OrderNotFound, ShippingAlreadyRefunded, TooManyUnits
from apps.orders.models import Order, OrderItem
from apps.orders.services.line_values import value_of_shipping, value_of_units
from apps.payments.errors import RefundTooLarge
from core.errors import FieldError, Forbidden, InvalidInput
from core.money import ZERO, format_amount, quantize, split


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefundCommand:
    """Who wants what of an order's money to go back, and why.

    Neither `amount` nor `lines` (order item id → units) nor `shipping`: the whole, which is all money that is left and
    all that was not taken back yet. `amount` alone is goodwill; beside lines or shipping it replaces what they came to.
    A seller refunds own lines only: their whole is all units of these that are left. With `restock` the units can be
    sold again. `request_key` names the request ("" = it has no name): the same one again is the same refund.
    """

    actor: User
    order_id: uuid.UUID
    reason: str
    amount: Decimal | None = None
    lines: Mapping[uuid.UUID, int] | None = None
    shipping: bool = False
    restock: bool = False
    request_key: str = ""

    @property
    def is_whole(self) -> bool:
        return self.amount is None and self.lines is None and not self.shipping


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedLine:
    """Units of one line and their part of the money."""

    item: OrderItem
    units: int
    amount: Decimal


@dataclasses.dataclass(frozen=True, slots=True)
class RefundPlan:
    """`amount` goes back, for these lines and, with `shipping`, for the sending."""

    amount: Decimal
    lines: tuple[PlannedLine, ...] = ()
    shipping: bool = False

    @property
    def quantities(self) -> dict[uuid.UUID, int]:
        return {line.item.pk: line.units for line in self.lines}


def plan_refund(*, command: RefundCommand, order: Order, items: Sequence[OrderItem], left: Decimal) -> RefundPlan:
    """Return what the refund comes to. `items` are all lines of the order, `left` is the most that may go back.

    Raises OrderNotFound (a seller without a line in it), Forbidden (a seller's wish for more than lines), InvalidInput
    (an amount that is none, a line that is not there or not theirs, units to restock without lines), TooManyUnits,
    ShippingAlreadyRefunded and RefundTooLarge (also for what is worth nothing). No statement.
    """
    is_seller = not command.actor.is_admin
    own = [item for item in items if not is_seller or item.seller_id == command.actor.pk]
    _require_right(command, own, is_seller)
    units = _units(command, own)
    _require_sense(command, order, units)
    shipping = command.shipping or (command.is_whole and not is_seller and not order.shipping_refunded)
    values = [_value(order, item, count) for item, count in units]
    values += [value_of_shipping(order=order, items=items)] if shipping else []
    worth = sum(values, ZERO)
    amount = left if command.is_whole and not is_seller else worth if command.amount is None else command.amount
    _require_money(amount, min(left, worth) if is_seller else left, order.currency)
    shares = split(amount, values, order.currency)
    lines = (PlannedLine(item, count, share) for (item, count), share in zip(units, shares, strict=False))
    return RefundPlan(amount=amount, lines=tuple(lines), shipping=shipping)


def _require_right(command: RefundCommand, own: Sequence[OrderItem], is_seller: bool) -> None:
    if not own:
        raise OrderNotFound
    if is_seller and command.shipping:
        raise Forbidden("Only an admin refunds the shipping.")
    if is_seller and command.amount is not None and command.lines is None:
        raise Forbidden("A seller refunds lines: name the items.")


def _units(command: RefundCommand, own: Sequence[OrderItem]) -> list[tuple[OrderItem, int]]:
    """Return the units to be taken back, by line."""
    if command.is_whole:
        left = ((item, item.quantity - item.refunded_quantity) for item in own)
        return [(item, units) for item, units in left if units]
    wanted = command.lines or {}
    known = {item.pk for item in own}
    for position, item_id in enumerate(wanted):
        if item_id not in known:
            raise _invalid(f"items.{position}.item_id", "unknown_item", "The order has no such line for you.")
    return [(item, wanted[item.pk]) for item in own if item.pk in wanted]


def _require_sense(command: RefundCommand, order: Order, units: Sequence[tuple[OrderItem, int]]) -> None:
    if command.restock and not command.is_whole and not units:
        raise _invalid("restock", "no_items", "Without items there is nothing to restock.")
    amount = command.amount
    if amount is not None and amount <= 0:
        raise _invalid("amount", "min_value", "The amount must be more than zero.")
    if amount is not None and amount != quantize(amount, order.currency):
        raise _invalid("amount", "places", f"{order.currency} has fewer decimals.")
    if command.shipping and order.shipping_refunded:
        raise ShippingAlreadyRefunded


def _value(order: Order, item: OrderItem, units: int) -> Decimal:
    left = item.quantity - item.refunded_quantity
    if units > left:
        detail = f"Only {left} units of this line are left to be refunded."
        raise TooManyUnits(detail, item_id=str(item.pk), left=left)
    return value_of_units(order=order, item=item, taken=item.refunded_quantity, units=units)


def _require_money(amount: Decimal, most: Decimal, currency: str) -> None:
    if not ZERO < amount <= most:
        told = format_amount(most, currency)
        raise RefundTooLarge(f"{told} {currency} can be refunded.", refundable=told, currency=currency)


def _invalid(field: str, code: str, detail: str) -> InvalidInput:
    return InvalidInput(errors=(FieldError(field, code, detail),))
