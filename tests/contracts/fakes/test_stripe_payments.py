"""Payment intents: paid, declined, authenticated, settled, held, cancelled; wrong parameters."""

import pytest
import stripe

from tests.contracts.fakes.kit import an_intent, types_of
from tests.fakes.stripe_provider import StripeError


def test_an_intent_waits_for_the_payer_and_is_paid_once(fake, client):
    intent = an_intent(client)

    assert (intent.status, intent.amount, intent.currency, intent.livemode) == (
        "requires_payment_method",
        1999,
        "usd",
        False,
    )
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert fake.ledger() == {}

    fake.pay(intent.id)

    paid = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert (paid.status, paid.amount_received) == ("succeeded", 1999)
    assert (paid.latest_charge.amount_captured, paid.latest_charge.metadata["attempt_id"]) == (1999, "a1")
    assert fake.ledger() == {"a1": {"captured": 1999, "refunded": 0, "charges": 1, "currency": "usd"}}
    assert types_of(fake) == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    with pytest.raises(StripeError, match="cannot be used to confirm"):
        fake.pay(intent.id)
    assert fake.charge_count("a1") == 1


def test_a_declined_card_leaves_the_intent_payable(fake, client):
    with pytest.raises(stripe.CardError) as raised:
        an_intent(client, confirm=True, payment_method="pm_card_chargeDeclined", return_url="http://shop.test/")

    assert (raised.value.http_status, raised.value.code) == (402, "card_declined")
    declined = raised.value.error.payment_intent
    assert (declined.status, declined.last_payment_error.decline_code) == ("requires_payment_method", "generic_decline")
    assert types_of(fake)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert fake.charge_count("a1") == 0

    fake.pay(declined.id)
    assert fake.charge_count("a1") == 1


def test_strong_authentication_comes_before_the_money(fake, client):
    intent = an_intent(client)
    waiting = client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_authenticationRequired", "return_url": "http://shop.test/"}
    )

    assert (waiting.status, waiting.next_action.type) == ("requires_action", "redirect_to_url")
    assert fake.charge_count("a1") == 0

    assert fake.authenticate(intent.id)["status"] == "succeeded"
    assert fake.charge_count("a1") == 1


def test_an_unattended_payment_that_needs_authentication_is_declined(fake, client):
    with pytest.raises(stripe.CardError) as raised:
        an_intent(
            client,
            confirm=True,
            off_session=True,
            payment_method="pm_card_authenticationRequired",
            return_url="http://shop.test/",
        )

    assert raised.value.code == "authentication_required"
    assert fake.charge_count("a1") == 0


def test_a_failed_authentication_charges_nothing(fake, client):
    intent = an_intent(client)
    fake.require_action(intent.id)

    assert fake.fail_authentication(intent.id)["status"] == "requires_payment_method"
    assert fake.charge_count("a1") == 0


@pytest.mark.parametrize(
    ("settles", "status", "captured"), [(True, "succeeded", 1999), (False, "requires_payment_method", 0)]
)
def test_a_bank_account_settles_later_or_not(fake, client, settles, status, captured):
    intent = an_intent(client)
    assert fake.pay(intent.id, "pm_usBankAccount")["status"] == "processing"
    assert fake.ledger() == {}

    (fake.settle if settles else fake.fail_settling)(intent.id)

    assert client.v1.payment_intents.retrieve(intent.id).status == status
    assert fake.ledger().get("a1", {}).get("captured", 0) == captured


def test_held_money_is_captured_once(fake, client):
    intent = an_intent(client, capture_method="manual")
    held = fake.pay(intent.id)
    assert (held["status"], held["amount_capturable"], fake.ledger()["a1"]["captured"]) == ("requires_capture", 1999, 0)

    assert client.v1.payment_intents.capture(intent.id).status == "succeeded"

    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.capture(intent.id)
    assert raised.value.code == "payment_intent_unexpected_state"
    assert fake.ledger()["a1"] == {"captured": 1999, "refunded": 0, "charges": 1, "currency": "usd"}
    assert types_of(fake)[1:] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


def test_a_cancelled_hold_moves_no_money(fake, client):
    intent = an_intent(client, capture_method="manual")
    fake.pay(intent.id)

    assert client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"}).status == "canceled"

    assert types_of(fake)[-2:] == ["charge.refunded", "payment_intent.canceled"]
    assert fake.events[-2]["data"]["object"]["amount_captured"] == 0
    assert fake.ledger()["a1"] == {"captured": 0, "refunded": 0, "charges": 1, "currency": "usd"}


def test_an_expired_hold_is_told(fake, client):
    intent = an_intent(client, capture_method="manual")
    fake.pay(intent.id)

    assert fake.expire_authorisation(intent.id)["cancellation_reason"] == "automatic"
    assert types_of(fake)[-2:] == ["charge.expired", "payment_intent.canceled"]


def test_paid_money_cannot_be_cancelled_nor_cancelled_attempts_paid(fake, client):
    paid, given_up = an_intent(client), an_intent(client, metadata={"attempt_id": "a2"})
    fake.pay(paid.id)
    client.v1.payment_intents.cancel(given_up.id)

    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.cancel(paid.id)
    assert raised.value.code == "payment_intent_unexpected_state"
    with pytest.raises(StripeError):
        fake.pay(given_up.id)
    assert set(fake.ledger()) == {"a1"}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 0}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": "19.99"}, "parameter_invalid_integer", "amount"),
        ({"currency": "dollars"}, None, "currency"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"confirm": True, "payment_method": "pm_card_visa"}, None, "return_url"),
        ({"payment_method": "pm_nobody"}, "resource_missing", "payment_method"),
        ({"metadata": {"long": "x" * 501}}, None, "metadata[long]"),
        (
            {"payment_method_types": ["card"], "automatic_payment_methods": {"enabled": True}},
            None,
            "payment_method_types",
        ),
    ],
)
def test_wrong_parameters_are_refused_and_make_nothing(fake, client, params, code, param):
    with pytest.raises(stripe.InvalidRequestError) as raised:
        an_intent(client, **params)

    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.request_id.startswith("req_")
    assert fake.events == []


def test_another_key_is_refused(fake):
    stranger = stripe.StripeClient("sk_test_wrong", base_addresses={"api": fake.url})

    with pytest.raises(stripe.AuthenticationError):
        an_intent(stranger)
    assert fake.events == []
