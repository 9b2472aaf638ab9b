"""Lines, options and rules for pricing tests. Nothing here touches the database."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from apps.pricing.quotes import Destination, Discount, PricedLine, Quote, TaxRule
from apps.pricing.services.quoting import quote
from apps.shipping.rating import Rate, ShippingOption
from core.money import format_amount

HERE = Destination(country="DE", state="BY")
SOME_ID = uuid.UUID("018f0000-0000-7000-8000-000000000001")


def line(price: str | Decimal, quantity: int = 1, **fields: Any) -> PricedLine:
    """Return a line of a taxable thing of 500 g."""
    values: dict[str, Any] = {
        "variant_id": SOME_ID,
        "product_id": SOME_ID,
        "name": "Thing",
        "sku": "THING",
        "quantity": quantity,
        "unit_price": Decimal(price),
        "weight_grams": 500,
        "tax_category": "",
        "is_taxable": True,
        "requires_shipping": True,
    }
    return PricedLine(**{**values, **fields})


def rate(price: str = "4.90", **fields: Any) -> Rate:
    """Return a rate for everywhere and any weight."""
    free_over = fields.pop("free_over", None)
    values: dict[str, Any] = {"country": "", "min_weight_grams": 0, "max_weight_grams": None, "currency": "USD"}
    return Rate(**{**values, **fields}, price=Decimal(price), free_over=Decimal(free_over) if free_over else None)


def option(*rates: Rate, code: str = "standard", name: str = "Standard") -> ShippingOption:
    return ShippingOption(code=code, name=name, description="", rates=rates)


def tax(share: str, **fields: Any) -> TaxRule:
    """Return a general rule of the destination HERE."""
    values: dict[str, Any] = {
        "name": "VAT",
        "country": HERE.country,
        "state": "",
        "tax_category": "",
        "applies_to_shipping": True,
    }
    return TaxRule(**{**values, **fields}, rate=Decimal(share))


def price(lines: Sequence[PricedLine], **fields: Any) -> Quote:
    """Quote the lines at HERE in USD, without tax, shipping or discounts unless given."""
    values: dict[str, Any] = {
        "destination": HERE,
        "option": None,
        "tax_rules": (),
        "currency": "USD",
        "prices_include_tax": False,
    }
    return quote(lines, **{**values, **fields})


def percent_off(percent: int | str, **fields: Any) -> Discount:
    return Discount(**{"name": f"{percent} % off", "percent": Decimal(percent), **fields})


def amount_off(amount: str, **fields: Any) -> Discount:
    return Discount(**{"name": f"{amount} off", "amount": Decimal(amount), **fields})


def figures(quoted: Quote) -> str:
    """Return a quote's figures as one line of text."""
    names = ("subtotal", "discount_amount", "shipping_cost", "tax_amount", "total_amount")
    amounts = {name.split("_")[0]: format_amount(getattr(quoted, name), quoted.currency) for name in names}
    return ", ".join(f"{name} {amount}" for name, amount in amounts.items())
