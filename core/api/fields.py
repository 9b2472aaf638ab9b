"""Serializer fields that let a number or a text mean one thing only."""

import re
import unicodedata
import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from core.fields import MONEY_DECIMALS, MONEY_DIGITS
from core.money import exponent

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?\Z", re.ASCII)
_CONTROL_ALLOWED = {"\n", "\r", "\t"}


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer, or its plain decimal digits as text. No "1_000", no "1.0", no digits of other scripts."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        if isinstance(data, str) and not re.fullmatch(r"-?[0-9]{1,18}", data, re.ASCII):
            self.fail("invalid")
        return int(data)


class AmountField(serializers.DecimalField):
    """An amount of the store's currency: "19.99" or 19.99, not negative, no more decimals than the currency has."""

    default_error_messages = {"places": "The currency has at most {places} decimals."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", Decimal(0))
        super().__init__(max_digits=MONEY_DIGITS, decimal_places=MONEY_DECIMALS, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        text = repr(data) if isinstance(data, float) else str(data)
        if isinstance(data, bool) or not isinstance(data, int | float | str | Decimal) or not _DECIMAL.match(text):
            self.fail("invalid")
        amount = Decimal(text)
        places = exponent(settings.STORE_CURRENCY)
        if amount != round(amount, places):
            self.fail("places", places=places)
        return self.validate_precision(amount)

    def to_representation(self, value: Any) -> str:
        return f"{Decimal(value):.{max(2, exponent(settings.STORE_CURRENCY))}f}"


class TextField(serializers.CharField):
    """Text without control characters (line breaks and tabs excepted), in Unicode's composed form (NFC)."""

    default_error_messages = {"control": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in _CONTROL_ALLOWED for sign in text):
            self.fail("control")
        return unicodedata.normalize("NFC", text)


class IdField(serializers.UUIDField):
    """A UUID as text. DRF's own field also takes a number or true for one."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)
