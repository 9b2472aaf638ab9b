"""What stands on an invoice, as plain text values: what is frozen and what the PDF is drawn from."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line. `total` is before its discount; `tax_rate` is as printed ("19 %"), "" for none."""

    name: str
    sku: str
    quantity: int
    unit_price: str
    discount_amount: str
    tax_rate: str
    total: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    """What was charged at one rate: net + tax = gross."""

    rate: str
    net: str
    tax: str
    gross: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceContent:
    """An invoice. Amounts are decimal strings with the currency's decimals; times are ISO 8601 in UTC.

    `issuer`, `buyer` and `shipped_to` are lines of text, the first a name. `taxes` holds one row per rate (of goods
    and shipping together); the gross amounts add up to the total.
    """

    number: str
    issued_at: str
    order_number: str
    ordered_at: str
    currency: str
    issuer: tuple[str, ...]
    issuer_tax_id: str
    buyer: tuple[str, ...]
    buyer_email: str
    shipped_to: tuple[str, ...]
    shipping_method: str
    payment_method: str
    prices_include_tax: bool
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxRow, ...]
    subtotal: str
    discount_amount: str
    shipping_cost: str
    tax_amount: str
    total_amount: str

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "InvoiceContent":
        """Return the content that `as_data()` was made from, also after a trip through JSON."""
        lists = {name: tuple(data[name]) for name in ("issuer", "buyer", "shipped_to")}
        lines = tuple(InvoiceLine(**line) for line in data["lines"])
        taxes = tuple(TaxRow(**row) for row in data["taxes"])
        return cls(**{**data, **lists, "lines": lines, "taxes": taxes})
