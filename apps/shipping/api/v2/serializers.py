"""Shapes of shipping in v2."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.shipping.rating import Rate, ShippingOption
from core.api.fields import StrictIntegerField, TextField
from core.countries import is_country
from core.money import format_amount, quantize

MAX_WEIGHT_GRAMS = 100_000_000


class MethodsQuery(serializers.Serializer[dict[str, Any]]):
    """Where to and how heavy. Without a country: the shop's own."""

    country = TextField(required=False, help_text="ISO 3166 alpha-2; the shop's own country when left out")
    weight_grams = StrictIntegerField(
        required=False, min_value=0, max_value=MAX_WEIGHT_GRAMS, help_text="without it: each method's lowest rate there"
    )

    def validate_country(self, value: str) -> str:
        code = value.upper()
        if not is_country(code):
            raise serializers.ValidationError("Use a two-letter country code (ISO 3166).", code="unknown_country")
        return code

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"country": settings.STORE_COUNTRY, "weight_grams": None, **attrs}


class ShippingMethodOutput(serializers.Serializer[dict[str, Any]]):
    """A way to send and its price there."""

    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    price = serializers.CharField(help_text="decimal string")
    currency = serializers.CharField()
    free_over = serializers.CharField(allow_null=True, help_text="the subtotal from which it costs nothing, or null")


def shape_method(option: ShippingOption, rate: Rate) -> dict[str, Any]:
    """Return an option at one of its rates."""
    return {
        "code": option.code,
        "name": option.name,
        "description": option.description,
        "price": _amount(rate.price, rate.currency),
        "currency": rate.currency,
        "free_over": None if rate.free_over is None else _amount(rate.free_over, rate.currency),
    }


def _amount(amount: Decimal, currency: str) -> str:
    return format_amount(quantize(amount, currency), currency)
