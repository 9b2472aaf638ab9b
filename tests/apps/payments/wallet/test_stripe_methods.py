"""Saved methods with Stripe, from its own form to a payment: over HTTP, against the stand-in."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.payments.models import PaymentMethod, ProviderCustomer
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import money_of
from tests.apps.payments.stripe.provider import KEY, use_fake
from tests.factories import make_user
from tests.fakes.stripe_provider import StripeFake
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
PATH = "/api/v2/payment-methods/"


@pytest.fixture
def fake(settings: Any) -> Iterator[StripeFake]:
    with StripeFake(secret_key=KEY) as running:
        use_fake(settings, running)
        settings.PAYMENT_PROVIDERS = ["stripe"]
        settings.STRIPE_PUBLIC_KEY = "pk_test_fake"
        yield running
        assert running.crashes == []


@pytest.fixture
def owner(fake: StripeFake, customer: User, api_as: Callable[[User], ApiClient]) -> ApiClient:
    return api_as(customer)


def deliver(fake: StripeFake, kind: str) -> None:
    """Bring the newest event of this kind, and let the shop act on it."""
    event = next(event for event in reversed(fake.events) if event["type"] == kind)
    body, headers = fake.signed(event)
    response = Client().post("/api/v1/payments/webhook/stripe/", body, content_type="application/json", headers=headers)
    assert (response.status_code, response.json()) == (200, {"status": "processed"})
    deliver_all_due()


def save(client: ApiClient, token: str = "pm_card_visa", **members: Any) -> dict[str, Any]:
    response = client.post(PATH, {"payment_method_id": token, **members})
    assert response.status_code == 201, response.content
    return dict(response.json())


def test_a_card_given_on_stripes_form_is_in_the_list_when_stripe_tells_so(owner: ApiClient, fake: StripeFake) -> None:
    setup = owner.post(f"{PATH}setup/", {}).json()
    assert (setup["provider"], setup["public_key"]) == ("stripe", "pk_test_fake")
    assert setup["client_secret"].startswith(f"{setup['setup_id']}_secret_")
    fake.confirm_setup(setup["setup_id"], "pm_card_mastercard")
    assert owner.get(PATH).json()["count"] == 0
    deliver(fake, "setup_intent.succeeded")
    deliver(fake, "payment_method.attached")
    (row,) = owner.get(PATH).json()["results"]
    assert (row["brand"], row["last4"], row["exp_month"], row["exp_year"], row["is_default"]) == (
        "mastercard", "4444", 12, 2034, True,
    )  # fmt: skip


def test_what_the_form_returned_can_be_posted_at_once_and_is_one_row(owner: ApiClient, fake: StripeFake) -> None:
    setup = owner.post(f"{PATH}setup/", {}).json()
    token = fake.confirm_setup(setup["setup_id"], "pm_card_visa")["payment_method"]
    saved = save(owner, token)
    assert save(owner, token) == saved
    deliver(fake, "payment_method.attached")
    assert owner.get(PATH).json()["results"] == [saved]
    assert PaymentMethod.objects.get().reference == token
    assert ProviderCustomer.objects.count() == 1


def test_a_deleted_card_is_detached_at_stripe(owner: ApiClient, fake: StripeFake) -> None:
    first, second = save(owner), save(owner, "pm_card_amex")
    reference = PaymentMethod.objects.get(pk=first["id"]).reference
    assert owner.delete(f"{PATH}{first['id']}/").status_code == 204
    assert fake.show(reference)["customer"] is None
    assert owner.get(PATH).json()["results"] == [second | {"is_default": True}]
    deliver(fake, "payment_method.detached")
    assert owner.get(PATH).json()["count"] == 1


def test_anothers_card_an_unknown_one_and_a_spent_one_are_not_found(
    owner: ApiClient, fake: StripeFake, api_as: Callable[[User], ApiClient]
) -> None:
    other = api_as(make_user())
    theirs, spent = save(other), save(owner)
    tokens = [PaymentMethod.objects.get(pk=saved["id"]).reference for saved in (theirs, spent)]
    owner.delete(f"{PATH}{spent['id']}/")
    PaymentMethod.objects.all().delete()  # only Stripe knows now whose they are
    for token in (*tokens, "pm_nothing", "tok_1"):
        response = owner.post(PATH, {"payment_method_id": token})
        assert (response.status_code, response.json()["code"]) == (404, "payment_method_not_found")
    assert PaymentMethod.objects.count() == 0


def test_a_card_that_is_declined_when_saved_is_a_refusal(owner: ApiClient) -> None:
    response = owner.post(PATH, {"payment_method_id": "pm_card_chargeDeclined"})
    assert (response.status_code, response.json()["code"]) == (409, "provider_refused")
    assert PaymentMethod.objects.count() == 0


def test_stripe_away_is_503_and_trying_again_saves_one(owner: ApiClient, fake: StripeFake) -> None:
    fake.stop()
    response = owner.post(PATH, {"payment_method_id": "pm_card_visa"})
    assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
    assert (PaymentMethod.objects.count(), ProviderCustomer.objects.count()) == (0, 0)


def test_a_saved_card_pays_and_a_foreign_one_does_not(
    owner: ApiClient, fake: StripeFake, customer: User, api_as: Callable[[User], ApiClient]
) -> None:
    order, mine, theirs = make_order(user=customer, payment_method="stripe"), save(owner), save(api_as(make_user()))
    body = {"order_id": str(order.pk)}
    path = "/api/v2/payments/create_intent/"
    refused = owner.post(path, body | {"payment_method_id": theirs["id"]})
    assert (refused.status_code, refused.json()["code"]) == (404, "payment_method_not_found")
    assert fake.ledger() == {}
    response = owner.post(path, body | {"payment_method_id": mine["id"]})
    assert (response.status_code, response.json()["status"]) == (201, "succeeded")
    assert money_of(order) == ("confirmed", "paid")
    (account,) = fake.ledger().values()
    assert (account["captured"], account["charges"]) == (2000, 1)
