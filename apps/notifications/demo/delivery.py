"""Demo shipping methods and tax rates. The rates are examples for trying the shop out, not advice on tax."""

from decimal import Decimal

from apps.inventory.models import StockLocation
from apps.pricing.models import TaxRate
from apps.shipping.models import ShippingMethod, ShippingRate
from core.money import quantize

# country ("" is everywhere else), from gram, below gram, price, free over
_Rates = tuple[tuple[str, int, int | None, int, int | None], ...]
_STANDARD: _Rates = (
    ("US", 0, 2_000, 5, 75),
    ("US", 2_000, None, 9, 150),
    ("DE", 0, None, 7, 100),
    ("GB", 0, None, 7, 100),
    ("BD", 0, None, 6, 100),
    ("", 0, None, 15, 200),
)
_EXPRESS: _Rates = (
    ("US", 0, 10_000, 15, 250),
    ("DE", 0, 10_000, 19, None),
    ("GB", 0, 10_000, 19, None),
    ("BD", 0, 10_000, 17, None),
)
_METHODS = (
    ("standard", "Standard", "Three to five working days", _STANDARD),
    ("express", "Express", "The next working day", _EXPRESS),
)
# name, country, state, tax category, rate, also on shipping
_TAXES = (
    ("California sales tax", "US", "CA", "", "0.0725", False),
    ("Florida sales tax", "US", "FL", "", "0.06", False),
    ("New York sales tax", "US", "NY", "", "0.04", True),
    ("Texas sales tax", "US", "TX", "", "0.0625", True),
    ("Washington sales tax", "US", "WA", "", "0.065", True),
    ("MwSt.", "DE", "", "", "0.19", True),
    ("MwSt. (books)", "DE", "", "books", "0.07", True),
    ("VAT", "GB", "", "", "0.20", True),
    ("VAT (books)", "GB", "", "books", "0", True),
    ("TVA", "FR", "", "", "0.20", True),
    ("VAT", "BD", "", "", "0.15", True),
    ("VAT", "AE", "", "", "0.05", True),
)


def ensure_stock_location() -> int:
    """Make the shop's one stock location if there is none; return how many were made."""
    if StockLocation.objects.filter(is_default=True).exists():
        return 0
    StockLocation.objects.get_or_create(code="main", defaults={"name": "Main", "is_default": True})
    return 1


def ensure_shipping_methods(*, currency: str) -> int:
    """Make the methods whose code is unknown, with their rates; return how many were made."""
    known = set(ShippingMethod.objects.values_list("code", flat=True))
    made = 0
    for position, (code, name, description, rates) in enumerate(_METHODS):
        if code not in known:
            method = ShippingMethod.objects.create(code=code, name=name, description=description, position=position)
            ShippingRate.objects.bulk_create(_rates(method, rates, currency))
            made += 1
    return made


def ensure_tax_rates() -> int:
    """Make tax rates in a shop that has none; return how many were made.

    A shop that has some has thought about tax: nothing is mixed into its own rates.
    """
    if TaxRate.objects.exists():
        return 0
    rates = [
        TaxRate(
            name=name,
            country=country,
            state=state,
            tax_category=category,
            rate=Decimal(rate),
            applies_to_shipping=on_shipping,
        )
        for name, country, state, category, rate, on_shipping in _TAXES
    ]
    return len(TaxRate.objects.bulk_create(rates))


def _rates(method: ShippingMethod, rates: _Rates, currency: str) -> list[ShippingRate]:
    return [
        ShippingRate(
            method=method,
            country=country,
            min_weight_grams=from_grams,
            max_weight_grams=below_grams,
            price=quantize(Decimal(price), currency),
            free_over=None if free_over is None else quantize(Decimal(free_over), currency),
            currency=currency,
        )
        for country, from_grams, below_grams, price, free_over in rates
    ]
