"""Amounts as Stripe counts them: whole numbers of a smallest unit, which is not always that of ISO 4217.

docs.stripe.com/currencies, "zero-decimal", "three-decimal" and "special cases".
"""

from decimal import Decimal

from apps.payments.gateways.base import GatewayError
from core.money import exponent

# The króna and the Ugandan shilling have lost their hundredths and are still counted in them; the ariary, whose
# smallest coin is a fifth, is counted in wholes.
_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}
_LARGEST, _LARGEST_OF = 99_999_999, {"IDR": 999_999_999_999}
_THREE = 3


def to_units(amount: Decimal, currency: str) -> int:
    """Return what to send for an amount. Raises GatewayError (amount_not_supported, for good) for one that Stripe
    cannot take: nothing, too much, or finer than it counts (of three decimals the last must be zero)."""
    units = amount.scaleb(_exponent(currency))
    step = 10 if _exponent(currency) == _THREE else 1
    if units % step or amount % _whole(currency) or not 0 < units <= _LARGEST_OF.get(currency, _LARGEST):
        raise GatewayError("amount_not_supported", permanent=True)
    return int(units)


def from_units(units: int, currency: str) -> Decimal:
    """Return the amount that Stripe tells."""
    return Decimal(units).scaleb(-_exponent(currency))


def _exponent(currency: str) -> int:
    return _EXPONENTS.get(currency, exponent(currency))


def _whole(currency: str) -> Decimal:
    """Return the smallest step in which the currency is paid."""
    return Decimal(1).scaleb(-exponent(currency))
