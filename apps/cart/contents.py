"""An owner's cart as it is shown: lines, sums, and what stands in the way of ordering it."""

import dataclasses
import uuid
from decimal import Decimal
from typing import NamedTuple

from apps.cart.goods import Goods
from core.money import ZERO


class Line(NamedTuple):
    """One line beside what the shop says of its variant now."""

    item_id: uuid.UUID
    quantity: int
    goods: Goods

    @property
    def total(self) -> Decimal:
        """At today's price, in the goods' currency."""
        return self.goods.unit_price * self.quantity

    @property
    def in_stock(self) -> bool:
        """Whether the whole line could be bought now."""
        return self.quantity <= self.goods.sellable_units


@dataclasses.dataclass(frozen=True, slots=True)
class CartProblem:
    """Why a line cannot be ordered as it is: `product_unavailable` or `out_of_stock`. The line is left as it was.

    `item_id` is None for goods of a guest's cart that found no place in the user's.
    """

    code: str
    item_id: uuid.UUID | None
    detail: str


@dataclasses.dataclass(frozen=True, slots=True)
class CartView:
    """A cart at today's prices. `id` is None while there is no cart; `currency` is the store's."""

    id: uuid.UUID | None
    lines: tuple[Line, ...]
    currency: str

    @property
    def total_items(self) -> int:
        """Units, not lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> Decimal:
        """The sum of the lines, problems or not: before shipping, discounts and tax."""
        return sum((line.total for line in self.lines), ZERO)

    @property
    def problems(self) -> tuple[CartProblem, ...]:
        return tuple(problem_of(line) for line in self.lines if not line.in_stock)


def problem_of(line: Line) -> CartProblem:
    """Say why a line that is not `in_stock` cannot be ordered."""
    goods = line.goods
    if not goods.is_on_sale:
        return CartProblem("product_unavailable", line.item_id, f"{goods.name} is not on sale any more.")
    return CartProblem("out_of_stock", line.item_id, f"{goods.name}: {words_for_units_left(goods.available)}")


def words_for_units_left(units: int) -> str:
    """Return "Only 3 units are left." and its like."""
    if units == 0:
        return "No units are left."
    return "Only 1 unit is left." if units == 1 else f"Only {units} units are left."
