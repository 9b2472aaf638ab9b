"""Customers and the payment methods saved at them."""

import pytest
import stripe

from tests.contracts.fakes.kit import an_intent, types_of
from tests.fakes.stripe_provider import StripeError


def test_a_method_is_saved_listed_and_taken_away(fake, client):
    customer = client.v1.customers.create({"email": "a@example.com", "metadata": {"user_id": "u1"}})
    setup = client.v1.setup_intents.create({"customer": customer.id, "usage": "off_session"})
    done = fake.confirm_setup(setup.id, "pm_card_mastercard")

    (saved,) = client.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert (saved.id, saved.card.brand, saved.card.last4, saved.card.exp_year) == (
        done["payment_method"],
        "mastercard",
        "4444",
        2034,
    )
    (listed,) = client.v1.customers.payment_methods.list(customer.id).data
    assert listed.id == saved.id

    assert client.v1.payment_methods.detach(saved.id).customer is None

    assert client.v1.payment_methods.list({"customer": customer.id}).data == []
    assert types_of(fake)[-3:] == ["payment_method.attached", "setup_intent.succeeded", "payment_method.detached"]
    assert fake.events[-1]["data"]["previous_attributes"] == {"customer": customer.id}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(saved.id, {"customer": customer.id})


def test_a_setup_can_be_declined_or_need_authentication(fake, client):
    customer = client.v1.customers.create({})
    setup = client.v1.setup_intents.create({"customer": customer.id})

    assert fake.confirm_setup(setup.id, "pm_card_chargeDeclined")["status"] == "requires_payment_method"
    assert client.v1.payment_methods.list({"customer": customer.id}).data == []
    waiting = client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_authenticationRequired"})
    assert waiting.status == "requires_action"
    assert fake.authenticate(setup.id)["status"] == "succeeded"
    assert len(client.v1.payment_methods.list({"customer": customer.id}).data) == 1


def test_a_saved_method_pays_for_its_owner_only(fake, client):
    mine, other = (client.v1.customers.create({}) for _ in range(2))
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": mine.id})
    asked = {"confirm": True, "off_session": True, "payment_method": method.id, "return_url": "http://shop.test/"}

    for customer in ({"customer": other.id}, {}):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            an_intent(client, **asked, **customer)
        assert raised.value.param == "payment_method"
    assert fake.ledger() == {}
    assert an_intent(client, **asked, customer=mine.id).status == "succeeded"


def test_a_method_used_without_being_saved_is_spent(fake, client):
    first = fake.pay(an_intent(client).id)

    with pytest.raises(StripeError):
        fake.pay(an_intent(client).id, first["payment_method"])
    assert fake.charge_count("a1") == 1
