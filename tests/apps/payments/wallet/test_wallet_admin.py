"""Saved methods in the back office: found, looked at, never edited."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.payments.models import PaymentMethod, ProviderCustomer
from apps.payments.services.wallet import save_method
from tests.apps.payments.wallet.played import PlayedWallet

pytestmark = pytest.mark.django_db


def test_the_back_office_shows_saved_methods_without_their_references(
    provider: PlayedWallet, customer: User, admin: User
) -> None:
    method = save_method(user=customer, provider="simulated", token="visa_4242")
    desk = Client()
    desk.force_login(admin)
    for model, pk in (("paymentmethod", method.pk), ("providercustomer", ProviderCustomer.objects.get().pk)):
        listed = desk.get(f"/admin/payments/{model}/", {"q": customer.email})
        page = desk.get(f"/admin/payments/{model}/{pk}/change/")
        assert (listed.status_code, page.status_code) == (200, 200)
        assert customer.email in listed.content.decode()
        assert "pm_visa_4242" not in listed.content.decode() + page.content.decode()
        assert desk.get(f"/admin/payments/{model}/add/").status_code == 403
        assert desk.post(f"/admin/payments/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert PaymentMethod.objects.count() == 1
