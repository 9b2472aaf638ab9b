"""Reads of the tax rules."""

from django.db.models import Q

from apps.pricing.models import TaxRate
from apps.pricing.quotes import Destination, TaxRule

_COLUMNS = ("name", "country", "state", "tax_category", "rate", "applies_to_shipping")


def list_tax_rules(*, destination: Destination) -> tuple[TaxRule, ...]:
    """Return the active rules that can matter at a destination: of its country, for its state or any. One statement."""
    rows = (
        TaxRate.objects.filter(Q(state="") | Q(state__iexact=destination.state.strip()))
        .filter(country=destination.country, is_active=True)
        .order_by("state", "tax_category", "id")
        .values_list(*_COLUMNS)
    )
    return tuple(TaxRule(**dict(zip(_COLUMNS, row, strict=True))) for row in rows)
