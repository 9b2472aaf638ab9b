"""price_order(): the shop's own methods, rates and settings."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.checks import run_checks

from apps.pricing.errors import NoShippingMethod, UnknownShippingMethod
from apps.pricing.models import TaxRate
from apps.pricing.quotes import Quote
from apps.pricing.services.quoting import price_order
from apps.shipping.models import ShippingMethod, ShippingRate
from tests.apps.pricing.goods import figures, line

pytestmark = pytest.mark.django_db
ADDRESS = {"country": "US", "state": "CA", "city": "Fresno"}


def order(address: dict[str, str] | None = ADDRESS, *, method: str | None = None, **fields: Any) -> Quote:
    lines = fields.pop("lines", [line("10.00", 2)])
    return price_order(lines=lines, address=address, shipping_method=method, **fields)


def ship(code: str, price: str, *, position: int = 0, **fields: Any) -> ShippingMethod:
    method, _ = ShippingMethod.objects.get_or_create(code=code, defaults={"name": code.title(), "position": position})
    ShippingRate.objects.create(**{"method": method, "price": Decimal(price), "currency": "USD", **fields})
    return method


def test_the_first_method_that_goes_there_is_taken() -> None:
    ship("abroad", "1.00", country="BD", position=0)
    ship("light", "2.00", max_weight_grams=1000, position=1)
    ship("standard", "5.00", position=2)
    ship("express", "15.00", position=3)
    quoted = order()
    assert (quoted.shipping_method_code, quoted.shipping_cost) == ("standard", Decimal("5.00"))


def test_the_method_asked_for_is_taken() -> None:
    ship("standard", "5.00")
    ship("express", "15.00", position=1)
    assert order(method="express").shipping_cost == Decimal("15.00")


def test_a_method_the_shop_does_not_have_is_invalid_input() -> None:
    ship("standard", "5.00")
    ShippingMethod.objects.create(code="retired", name="Retired", is_active=False)
    for code in ("nonsense", "retired"):
        with pytest.raises(UnknownShippingMethod) as refused:
            order(method=code)
        assert [(fault.field, fault.code) for fault in refused.value.errors] == [
            ("shipping_method", "unknown_shipping_method")
        ]


def test_no_method_that_goes_there_is_refused() -> None:
    ship("standard", "5.00", country="BD")
    with pytest.raises(NoShippingMethod):
        order()
    with pytest.raises(NoShippingMethod):
        order(method="standard")


def test_a_shop_without_methods_sends_for_nothing() -> None:
    ShippingMethod.objects.create(code="retired", name="Retired", is_active=False)
    assert figures(order()) == "subtotal 20.00, discount 0.00, shipping 0.00, tax 0.00, total 20.00"


def test_rates_in_another_currency_are_passed_over() -> None:
    ship("standard", "5.00", currency="EUR")
    with pytest.raises(NoShippingMethod):
        order()


def test_what_is_not_sent_needs_no_method(django_assert_num_queries: Any) -> None:
    ship("standard", "5.00", country="BD")
    with django_assert_num_queries(1):
        quoted = order(lines=[line("10.00", requires_shipping=False)])
    assert quoted.shipping_cost == 0


def test_the_active_rates_of_the_destination_are_used() -> None:
    TaxRate.objects.create(name="California", country="US", state="ca", rate=Decimal("0.0725"))
    TaxRate.objects.create(name="Texas", country="US", state="TX", rate=Decimal("0.0625"))
    TaxRate.objects.create(name="Old", country="US", rate=Decimal("0.5"), is_active=False)
    TaxRate.objects.create(name="VAT", country="DE", rate=Decimal("0.19"))
    quoted = order()
    assert quoted.tax_amount == Decimal("1.45")
    assert [step.reason for step in quoted.steps if step.rule == "tax.rate"] == ["California (7.25 %) on 1 line"]


def test_whether_prices_include_tax_is_a_setting(settings: Any) -> None:
    TaxRate.objects.create(name="VAT", country="US", rate=Decimal("0.20"))
    assert figures(order()) == "subtotal 20.00, discount 0.00, shipping 0.00, tax 4.00, total 24.00"
    settings.PRICES_INCLUDE_TAX = True
    quoted = order()
    assert figures(quoted) == "subtotal 20.00, discount 0.00, shipping 0.00, tax 3.33, total 20.00"
    assert quoted.prices_include_tax is True


def test_before_an_address_is_known_neither_tax_nor_shipping_is_charged(django_assert_num_queries: Any) -> None:
    ship("standard", "5.00")
    TaxRate.objects.create(name="VAT", country="US", rate=Decimal("0.20"))
    with django_assert_num_queries(0):
        quoted = order(None)
    assert quoted.total_amount == Decimal("20.00")
    with pytest.raises(UnknownShippingMethod):
        order(None, method="nonsense")


@pytest.mark.parametrize("count", [1, 30])
def test_pricing_takes_two_statements_however_many_rules_there_are(count: int, django_assert_num_queries: Any) -> None:
    for number in range(count):
        ship(f"method-{number}", "5.00")
        TaxRate.objects.create(name="VAT", country="US", tax_category=f"kind-{number}", rate=Decimal("0.20"))
    with django_assert_num_queries(2):
        order(lines=[line("1.00")] * count)


def test_the_start_is_refused_with_an_unknown_currency_or_country(settings: Any) -> None:
    assert not {message.id for message in run_checks()} & {"pricing.E001", "pricing.E002"}
    settings.STORE_CURRENCY, settings.STORE_COUNTRY = "ZZZ", "XK"
    assert {"pricing.E001", "pricing.E002"} <= {message.id for message in run_checks()}
