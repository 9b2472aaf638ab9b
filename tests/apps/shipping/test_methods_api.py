"""GET /api/v2/shipping/methods/."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apps.shipping.models import ShippingMethod, ShippingRate
from apps.shipping.selectors import list_shipping_options
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
PATH = "/api/v2/shipping/methods/"


def make_method(code: str, *rates: dict[str, Any], **fields: Any) -> ShippingMethod:
    method = ShippingMethod.objects.create(**{"code": code, "name": code.title(), **fields})
    for values in rates:
        ShippingRate.objects.create(**{"method": method, "currency": "USD", **values})
    return method


@pytest.fixture
def shop() -> None:
    make_method("express", {"price": Decimal("19.90")}, position=2)
    make_method(
        "standard",
        {"price": Decimal("4.9"), "free_over": Decimal("50"), "max_weight_grams": 2000},
        {"price": Decimal("9.9"), "min_weight_grams": 2000, "max_weight_grams": 10_000},
        {"price": Decimal("2"), "country": "BD"},
        position=1,
        description="Three days",
    )
    make_method("retired", {"price": Decimal("1")}, is_active=False)
    make_method("local", {"price": Decimal("1"), "country": "BD"}, position=0)


@pytest.mark.usefixtures("shop")
def test_anyone_may_ask_how_a_parcel_is_sent(api: ApiClient) -> None:
    response = api.get(f"{PATH}?country=us&weight_grams=1999")
    assert response.status_code == 200
    assert response.json() == [
        {
            "code": "standard",
            "name": "Standard",
            "description": "Three days",
            "price": "4.90",
            "currency": "USD",
            "free_over": "50.00",
        },
        {
            "code": "express",
            "name": "Express",
            "description": "",
            "price": "19.90",
            "currency": "USD",
            "free_over": None,
        },
    ]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [("standard", "4.90"), ("express", "19.90")]),
        ("?country=BD", [("local", "1.00"), ("standard", "2.00"), ("express", "19.90")]),
        ("?country=US&weight_grams=2000", [("standard", "9.90"), ("express", "19.90")]),
        ("?country=US&weight_grams=10000", [("express", "19.90")]),
    ],
)
def test_country_and_weight_decide_the_price(api: ApiClient, query: str, expected: list[tuple[str, str]]) -> None:
    assert [(entry["code"], entry["price"]) for entry in api.get(PATH + query).json()] == expected


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("country=ZZ", "country", "unknown_country"),
        ("country=USA", "country", "unknown_country"),
        ("country=", "country", "blank"),
        ("weight_grams=-1", "weight_grams", "min_value"),
        ("weight_grams=1.0", "weight_grams", "invalid"),
        ("weight_grams=99999999999", "weight_grams", "max_value"),
    ],
)
def test_nonsense_is_refused_by_field(api: ApiClient, query: str, field: str, code: str) -> None:
    response = api.get(f"{PATH}?{query}")
    assert response.status_code == 400
    assert [(fault["field"], fault["code"]) for fault in response.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize("count", [1, 100])
def test_the_methods_take_one_statement_however_many_there_are(
    api: ApiClient, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        make_method(f"m{number}", {"price": Decimal(1)}, {"price": Decimal(2), "country": "US"})
    with django_assert_num_queries(1):
        assert len(api.get(PATH).json()) == count


def test_options_come_by_position_with_their_rates_and_methods_without_rates_are_listed() -> None:
    make_method("b", position=1)
    make_method("c", {"price": Decimal("3.5"), "country": "BD"}, {"price": Decimal(1), "currency": "EUR"}, position=1)
    make_method("a", {"price": Decimal(2), "min_weight_grams": 5}, {"price": Decimal(1)}, position=0)
    options = list_shipping_options()
    assert [(option.code, [str(rate.price) for rate in option.rates]) for option in options] == [
        ("a", ["1.000", "2.000"]),
        ("b", []),
        ("c", ["3.500"]),
    ]
    assert [len(option.rates) for option in list_shipping_options(country="US")] == [2, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": Decimal("-1")},
        {"price": Decimal(1), "min_weight_grams": 5, "max_weight_grams": 5},
        {"price": Decimal(1), "country": "ZZ"},
    ],
)
def test_a_senseless_rate_is_refused_where_it_is_edited(wrong: dict[str, Any]) -> None:
    method = make_method("standard")
    with pytest.raises(ValidationError):
        ShippingRate(**{"method": method, "currency": "USD", **wrong}).full_clean()
