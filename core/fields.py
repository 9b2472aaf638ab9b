"""Model fields every app shares."""

from typing import Any

from django.db import models

MONEY_DIGITS = 14
MONEY_DECIMALS = 3  # enough for every ISO 4217 exponent in retail use (0, 2 and 3)


class MoneyField(models.DecimalField[Any, Any]):
    """An amount of the currency named beside it, as an exact decimal, never a float."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", MONEY_DIGITS)
        kwargs.setdefault("decimal_places", MONEY_DECIMALS)
        super().__init__(*args, **kwargs)


class CurrencyField(models.CharField[Any, Any]):
    """An ISO 4217 code in capitals ("USD")."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)
