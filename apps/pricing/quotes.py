"""The plain values pricing takes and gives. Amounts are Decimals of the quote's currency, never floats."""

import dataclasses
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.money import ZERO, format_amount


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """One line of a cart: a variant, how many of it and what one costs."""

    variant_id: uuid.UUID
    product_id: uuid.UUID
    name: str
    sku: str | None
    quantity: int
    unit_price: Decimal
    weight_grams: int
    tax_category: str
    is_taxable: bool
    requires_shipping: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine(PricedLine):
    """A line with its figures. `line_total` is before the discount; `tax_rate` is a share (0.19 is 19 %).

    `tax_amount` is contained in `line_total - discount_amount` when prices include tax, else it comes on top.
    """

    line_total: Decimal
    discount_amount: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    prices_include_tax: bool

    @property
    def net_amount(self) -> Decimal:
        """What the line costs without tax, after its discount."""
        charged = self.line_total - self.discount_amount
        return charged - self.tax_amount if self.prices_include_tax else charged

    @property
    def gross_amount(self) -> Decimal:
        """What the line costs with tax, after its discount."""
        return self.net_amount + self.tax_amount


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule's part in a quote, also when it did not apply.

    `rule` is stable and for programs, `reason` is for people. `amount` is what the rule came to, never negative and 0
    when it did not apply; `rate` is the share a tax rule used, else None.
    """

    rule: str
    applied: bool
    reason: str
    amount: Decimal = ZERO
    rate: Decimal | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order would cost and why.

    total_amount = subtotal - discount_amount + shipping_cost + (tax_amount unless prices include tax), exactly.
    `tax_amount` is the sum of the lines' tax and `shipping_tax_amount`.
    """

    lines: tuple[QuotedLine, ...]
    subtotal: Decimal
    discount_amount: Decimal
    shipping_cost: Decimal
    shipping_tax_rate: Decimal
    shipping_tax_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    currency: str
    prices_include_tax: bool
    shipping_method_code: str
    shipping_method_name: str
    steps: tuple[Step, ...]

    def steps_as_data(self) -> list[dict[str, Any]]:
        """Return the steps as plain JSON values: what an order keeps in `pricing_steps` and the API shows.

        Invoices read the shipping's tax from the step "tax.shipping", so an order must keep them whole.
        """
        return [
            {
                "rule": step.rule,
                "applied": step.applied,
                "reason": step.reason,
                "amount": format_amount(step.amount, self.currency),
                "rate": None if step.rate is None else f"{step.rate.normalize():f}",
            }
            for step in self.steps
        ]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the goods go, as far as prices care. `country` is ISO 3166 alpha-2, `state` free text."""

    country: str
    state: str = ""

    @classmethod
    def of_address(cls, address: Mapping[str, str]) -> "Destination":
        """Return the destination of an address in the contract's shape."""
        return cls(country=address.get("country", ""), state=address.get("state", ""))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaxRule:
    """A tax rate as a plain value; empty `state` and `tax_category` mean any."""

    name: str
    country: str
    state: str
    tax_category: str
    rate: Decimal
    applies_to_shipping: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A reduction someone else has already granted: `percent` (10 is 10 %) of what is left, then `amount` off.

    `code` is what the customer typed, or "" for one that needs no code.
    """

    name: str
    code: str = ""
    percent: Decimal = ZERO
    amount: Decimal = ZERO
