"""What a part of an order was worth: which amount a refund of units or of the sending comes to. No statements.

Amounts are gross (with tax) and in the order's currency. Refunding all units of all lines and the sending, in any
portions, comes to the order's total exactly.
"""

from collections.abc import Iterable
from decimal import Decimal

from apps.orders.models import Order, OrderItem
from core import money
from core.money import ZERO


def value_of_units(*, order: Order, item: OrderItem, taken: int, units: int) -> Decimal:
    """Return the gross value of `units` units of the line after `taken` others were refunded before. Never negative.

    A line's value need not divide by its quantity. What n units come to is rounded once, and this is the difference
    between two such sums, so that any portions add up to the line. Raises ValueError for units the line does not have.
    """
    if taken < 0 or units < 0 or taken + units > item.quantity:
        raise ValueError(f"{units} units after {taken} are not in a line of {item.quantity}")
    return _value_of_first(order, item, taken + units) - _value_of_first(order, item, taken)


def value_of_line(*, order: Order, item: OrderItem) -> Decimal:
    """Return the gross value of the whole line: after its discount, with its tax."""
    on_top: Decimal = ZERO if order.prices_include_tax else item.tax_amount
    value: Decimal = item.total - item.discount_amount + on_top
    return value


def value_of_shipping(*, order: Order, items: Iterable[OrderItem]) -> Decimal:
    """Return what sending cost with its tax: the order's total less the value of all of its lines, `items`."""
    shipping: Decimal = order.total_amount - sum((value_of_line(order=order, item=item) for item in items), ZERO)
    return shipping


def _value_of_first(order: Order, item: OrderItem, units: int) -> Decimal:
    return money.quantize(value_of_line(order=order, item=item) * units / item.quantity, order.currency)
