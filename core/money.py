"""Amounts: known currencies, exponents, rounding, splitting without losing a cent, and their text form.

Amounts are `Decimal`, always together with an ISO 4217 code. Rounding is half up, as shops print it.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

# The circulating currencies of ISO 4217 (2026); units of account, metals and test codes are not sold in.
_CURRENCIES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU
MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG
SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST
XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: frozenset[str] = frozenset(_CURRENCIES.split())
# Exponents other than 2, from ISO 4217.
_WITHOUT_DECIMALS = """
BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
"""
_WITH_THREE_DECIMALS = """
BHD IQD JOD KWD LYD OMR TND
"""
_EXPONENTS = {**dict.fromkeys(_WITHOUT_DECIMALS.split(), 0), **dict.fromkeys(_WITH_THREE_DECIMALS.split(), 3)}
_QUANTA = {0: Decimal("1"), 2: Decimal("0.01"), 3: Decimal("0.001")}
ZERO = Decimal(0)


def is_currency(code: str) -> bool:
    """Tell whether it is a circulating currency's code in capitals ("USD"; not "usd", not "XAU")."""
    return code in CURRENCIES


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency's smallest unit (JPY 0, USD 2, KWD 3)."""
    return _EXPONENTS.get(currency, 2)


def quantum(currency: str) -> Decimal:
    """Return the currency's smallest amount (0.01 for USD)."""
    return _QUANTA[exponent(currency)]


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's smallest unit."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP)


def format_amount(amount: Decimal, currency: str) -> str:
    """Return the amount as the API shows it: a decimal string with two places, or the currency's three."""
    return f"{amount:.{max(2, exponent(currency))}f}"


def format_share(share: Decimal) -> str:
    """Return a share as people write it (0.0725 → "7.25 %")."""
    return f"{(share * 100).normalize():f} %"


def to_minor_units(amount: Decimal, currency: str) -> int:
    """Return the amount in the currency's smallest unit (19.99 USD → 1999).

    Raises ValueError if it has more decimals than the currency.
    """
    scaled = amount.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more decimals than {currency} allows")
    return int(scaled)


def split(amount: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Split an amount in proportion to the weights; the parts sum to it exactly (largest remainder method).

    Each part is its exact share rounded down, and the smallest units left over go one each to the largest
    remainders; ties go to the earlier part, so that the same input always splits the same way. No part is larger
    than its share rounded up. With only zero weights the first part takes all; an empty list gives no parts.
    Raises ValueError for a negative weight or an amount with more decimals than the currency.
    """
    if not weights:
        return []
    units = to_minor_units(amount, currency)
    shares = _split_units(abs(units), _as_integers(weights))
    step = quantum(currency) if units >= 0 else -quantum(currency)
    return [share * step for share in shares]


def _as_integers(weights: Sequence[Decimal]) -> list[int]:
    """Return the weights multiplied by one power of ten: whole numbers divide exactly, Decimals to 28 digits only."""
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    places = max(0, *(-int(weight.as_tuple().exponent) for weight in weights))
    return [numerator * 10**places // denominator for numerator, denominator in map(Decimal.as_integer_ratio, weights)]


def _split_units(units: int, weights: list[int]) -> list[int]:
    total = sum(weights)
    if total == 0:
        return [units, *([0] * (len(weights) - 1))]
    parts, remainders = zip(*(divmod(units * weight, total) for weight in weights), strict=True)
    result = list(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: units - sum(parts)]:
        result[i] += 1
    return result
