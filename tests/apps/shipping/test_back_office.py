"""The back office of shipping and tax."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.pricing.models import TaxRate
from apps.shipping.models import ShippingMethod, ShippingRate

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_a_method_is_made_with_its_rates_in_the_stores_currency(office: Client) -> None:
    form = {
        "code": "standard",
        "name": "Standard",
        "description": "",
        "position": "1",
        "is_active": "on",
        "rates-TOTAL_FORMS": "1",
        "rates-INITIAL_FORMS": "0",
        "rates-0-country": "BD",
        "rates-0-min_weight_grams": "0",
        "rates-0-max_weight_grams": "",
        "rates-0-price": "4.90",
        "rates-0-free_over": "50",
    }
    response = office.post(reverse("admin:shipping_shippingmethod_add"), form)
    assert response.status_code == 302, response.content
    rate = ShippingRate.objects.get()
    assert (rate.method.code, rate.country, rate.price, rate.free_over, rate.currency) == (
        "standard",
        "BD",
        Decimal("4.9"),
        Decimal(50),
        "USD",
    )


def test_methods_and_tax_rates_can_be_searched_and_opened(office: Client) -> None:
    method = ShippingMethod.objects.create(code="standard", name="Standard")
    ShippingRate.objects.create(method=method, price=Decimal("4.90"), currency="USD")
    rate = TaxRate.objects.create(name="VAT", country="DE", rate=Decimal("0.19"))
    for path in (
        reverse("admin:shipping_shippingmethod_changelist") + "?q=stand",
        reverse("admin:shipping_shippingmethod_change", args=[method.pk]),
        reverse("admin:pricing_taxrate_changelist") + "?q=vat&country=DE",
        reverse("admin:pricing_taxrate_change", args=[rate.pk]),
    ):
        assert office.get(path).status_code == 200, path
