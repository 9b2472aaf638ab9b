"""Amounts: exponents, rounding half up, splitting without losing a unit, text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import money

CURRENCIES = st.sampled_from(["JPY", "USD", "KWD"])
UNITS = st.integers(min_value=-(10**14), max_value=10**14)
WEIGHTS = st.lists(st.decimals(min_value=0, max_value=10**11, places=3), min_size=1, max_size=100)


@pytest.mark.parametrize(("currency", "expected"), [("JPY", 0), ("USD", 2), ("BDT", 2), ("KWD", 3), ("TND", 3)])
def test_a_currency_has_its_number_of_decimals(currency: str, expected: int) -> None:
    assert money.exponent(currency) == expected


def test_only_circulating_currencies_in_capitals_are_known() -> None:
    assert all(map(money.is_currency, ["USD", "EUR", "BDT", "JPY", "KWD", "XOF"]))
    assert not any(map(money.is_currency, ["usd", "US", "", "XAU", "XTS", "DEM", "ZZZ"]))


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("2.345", "USD", "2.35"),
        ("2.335", "USD", "2.34"),
        ("2.3449999", "USD", "2.34"),
        ("-2.345", "USD", "-2.35"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("0.0005", "KWD", "0.001"),
        ("7", "USD", "7.00"),
    ],
)
def test_amounts_are_rounded_half_up_to_the_smallest_unit(amount: str, currency: str, expected: str) -> None:
    assert str(money.quantize(Decimal(amount), currency)) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("7", "USD", "7.00"),
        ("7.100", "USD", "7.10"),
        ("7", "JPY", "7.00"),
        ("7.1", "KWD", "7.100"),
        ("12345678901.99", "USD", "12345678901.99"),
        ("0", "USD", "0.00"),
    ],
)
def test_an_amount_is_shown_with_two_places_or_the_currencys_three(amount: str, currency: str, expected: str) -> None:
    assert money.format_amount(Decimal(amount), currency) == expected


def test_an_amount_with_too_many_decimals_has_no_minor_units() -> None:
    assert money.to_minor_units(Decimal("19.990"), "USD") == 1999
    with pytest.raises(ValueError, match="more decimals"):
        money.to_minor_units(Decimal("19.999"), "USD")
    with pytest.raises(ValueError, match="more decimals"):
        money.split(Decimal("0.005"), [Decimal(1)], "USD")


def test_what_is_left_over_goes_to_the_largest_remainders_and_first_of_equals() -> None:
    parts = money.split(Decimal("10.00"), [Decimal("19.99"), Decimal("5.01"), Decimal("0.50")], "USD")
    assert parts == [Decimal("7.84"), Decimal("1.96"), Decimal("0.20")]
    assert money.split(Decimal("0.05"), [Decimal(1)] * 3, "USD") == [Decimal("0.02"), Decimal("0.02"), Decimal("0.01")]
    assert money.split(Decimal("-0.05"), [Decimal(1)] * 3, "USD")[2] == Decimal("-0.01")


def test_without_weights_there_are_no_parts_and_zero_weights_leave_all_to_the_first() -> None:
    assert money.split(Decimal("1.00"), [], "USD") == []
    assert money.split(Decimal("1.00"), [Decimal(0), Decimal(0)], "USD") == [Decimal("1.00"), Decimal(0)]


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        money.split(Decimal("1.00"), [Decimal(2), Decimal(-1)], "USD")


@given(units=UNITS, weights=WEIGHTS, currency=CURRENCIES)
def test_splitting_never_loses_a_unit_and_stays_within_one_of_the_share(
    units: int, weights: list[Decimal], currency: str
) -> None:
    step = money.quantum(currency)
    parts = money.split(units * step, weights, currency)
    assert sum(parts) == units * step
    assert len(parts) == len(weights)
    total = sum(map(int, (weight.scaleb(3) for weight in weights)))
    for part, weight in zip(parts, weights, strict=True):
        if total:
            assert abs(money.to_minor_units(part, currency) * total - units * int(weight.scaleb(3))) < total


@given(units=st.integers(min_value=0, max_value=10**12), weights=WEIGHTS, currency=CURRENCIES)
def test_splitting_at_most_the_sum_never_takes_more_than_a_part_holds(
    units: int, weights: list[Decimal], currency: str
) -> None:
    amounts = [money.quantize(weight, currency) for weight in weights]
    amount = min(units * money.quantum(currency), sum(amounts))
    parts = money.split(amount, amounts, currency)
    assert all(0 <= part <= held for part, held in zip(parts, amounts, strict=True))
