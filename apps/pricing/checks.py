"""Start-up checks: the settings prices depend on."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from core.countries import is_country
from core.money import is_currency


@register
def check_store_currency(**kwargs: Any) -> list[CheckMessage]:
    """STORE_CURRENCY is a known currency: its exponent decides every rounding."""
    if is_currency(settings.STORE_CURRENCY):
        return []
    hint = "Use the three-letter code of ISO 4217, for example USD."
    return [Error(f"STORE_CURRENCY={settings.STORE_CURRENCY!r} is not a known currency.", hint=hint, id="pricing.E001")]


@register
def check_store_country(**kwargs: Any) -> list[CheckMessage]:
    """STORE_COUNTRY is a known country: a one-line address is taken to be there, and taxed so."""
    if is_country(settings.STORE_COUNTRY):
        return []
    hint = "Use the two-letter code of ISO 3166, for example US."
    return [Error(f"STORE_COUNTRY={settings.STORE_COUNTRY!r} is not a known country.", hint=hint, id="pricing.E002")]
