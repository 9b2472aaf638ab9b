"""Reads of the ways to send a parcel."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import FilteredRelation, Q, QuerySet

from apps.shipping.models import ShippingMethod
from apps.shipping.rating import Rate, ShippingOption
from core.compiled_reads import CompiledRead

_RATE_COLUMNS = (
    "known_rates__country",
    "known_rates__min_weight_grams",
    "known_rates__max_weight_grams",
    "known_rates__price",
    "known_rates__free_over",
    "known_rates__currency",
)


def list_shipping_options(*, country: str | None = None) -> tuple[ShippingOption, ...]:
    """Return every active method by position, with its rates in the store's currency. One statement.

    With a country: only the rates that can matter there (its own and those for everywhere). A method that does not
    go there is still listed, without rates: whoever asks can tell "no way to send" from "not there".
    """
    options: dict[str, tuple[str, str, list[Rate]]] = {}
    for code, name, description, *rate in _option_rows(country):
        rates = options.setdefault(code, (name, description, []))[2]
        if rate[0] is not None:
            rates.append(_rate_from(rate))
    return tuple(
        ShippingOption(code=code, name=name, description=description, rates=tuple(rates))
        for code, (name, description, rates) in options.items()
    )


def _option_rows(country: str | None) -> list[tuple[Any, ...]]:
    if country is None:
        return _EVERYWHERE.rows(currency=settings.STORE_CURRENCY)
    return _TO_COUNTRY.rows(currency=settings.STORE_CURRENCY, country=country)


def _with_rates(wanted: Q) -> "QuerySet[ShippingMethod, tuple[Any, ...]]":
    return (
        ShippingMethod.objects.filter(is_active=True)
        .annotate(known_rates=FilteredRelation("rates", condition=wanted))
        .order_by("position", "code", "known_rates__country", "known_rates__min_weight_grams")
        .values_list("code", "name", "description", *_RATE_COLUMNS)
    )


# Asked by every checkout: the SQL is made once.
_EVERYWHERE = CompiledRead(lambda currency: _with_rates(Q(rates__currency=currency)), "currency")
_TO_COUNTRY = CompiledRead(
    lambda currency, country: _with_rates(Q(rates__currency=currency, rates__country__in=("", country))),
    "currency",
    "country",
)


def _rate_from(row: Sequence[Any]) -> Rate:
    country, min_weight_grams, max_weight_grams, price, free_over, currency = row
    return Rate(
        country=country,
        min_weight_grams=min_weight_grams,
        max_weight_grams=max_weight_grams,
        price=price,
        free_over=free_over,
        currency=currency,
    )
