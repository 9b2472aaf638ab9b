"""find_rate(): which rate a parcel pays."""

import pytest

from apps.shipping.rating import find_cheapest_rate, find_rate
from tests.apps.pricing.goods import option, rate


@pytest.mark.parametrize(
    ("country", "weight_grams", "expected"),
    [
        ("DE", 0, "3.00"),
        ("DE", 1999, "3.00"),
        ("DE", 2000, "6.00"),
        ("DE", 9999, "6.00"),
        ("DE", 10_000, None),
        ("US", 1, "20.00"),
        ("US", 50_000, "20.00"),
    ],
)
def test_country_and_weight_bracket_decide(country: str, weight_grams: int, expected: str | None) -> None:
    post = option(
        rate("20.00"),
        rate("3.00", country="DE", max_weight_grams=2000),
        rate("6.00", country="DE", min_weight_grams=2000, max_weight_grams=10_000),
    )
    found = find_rate(post, country=country, weight_grams=weight_grams)
    assert (str(found.price) if found else None) == expected


def test_where_brackets_overlap_the_one_that_begins_highest_wins() -> None:
    post = option(rate("3.00"), rate("9.00", min_weight_grams=1000), rate("5.00", min_weight_grams=500))
    found = find_rate(post, country="DE", weight_grams=1500)
    assert found is not None
    assert str(found.price) == "9.00"


def test_a_method_without_rates_goes_nowhere() -> None:
    assert find_rate(option(), country="DE", weight_grams=1) is None
    assert find_cheapest_rate(option(), country="DE") is None


def test_the_cheapest_rate_of_a_country_is_one_of_its_own_if_it_has_any() -> None:
    post = option(rate("1.00"), rate("9.00", country="DE"), rate("7.00", country="DE", min_weight_grams=500))
    cheapest = find_cheapest_rate(post, country="DE")
    assert cheapest is not None
    assert str(cheapest.price) == "7.00"
