"""Paying by Stripe: what is asked of it, and what its answers become."""

import dataclasses

import pytest

from apps.payments.gateways.base import GatewayError
from tests.apps.payments.stripe.provider import cancel, capture, fetch, make_attempt, names, start, words
from tests.fakes.stripe_provider import StripeFake


def test_an_attempt_is_an_intent_that_the_client_confirms(fake: StripeFake) -> None:
    attempt = make_attempt()
    started = start(attempt)
    intent = fake.show(started.transaction_id)
    assert (intent["amount"], intent["currency"], intent["status"]) == (1999, "usd", "requires_payment_method")
    assert intent["metadata"] == {
        "attempt_id": str(attempt.id),
        "order_id": str(attempt.order_id),
        "order_number": "ABCD-EFGH-JKLM",
    }
    assert intent["automatic_payment_methods"] == {"enabled": True, "allow_redirects": "always"}
    assert (started.client_secret, started.facts) == (intent["client_secret"], ())


def test_money_can_be_held_and_taken_later(fake: StripeFake, settings: object) -> None:
    settings.STRIPE_CAPTURE_METHOD = "manual"  # type: ignore[attr-defined]
    attempt = make_attempt()
    attempt = dataclasses.replace(attempt, transaction_id=start(attempt).transaction_id)
    fake.pay(attempt.transaction_id)
    assert words(fetch(attempt)) == [("authorised", "19.99", "USD")]
    assert words(capture(attempt)) == words(capture(attempt)) == [("captured", "19.99", "USD")]
    assert fake.ledger()[str(attempt.id)]["captured"] == 1999


def test_there_is_nothing_to_take_before_the_payer_has_paid(fake: StripeFake) -> None:
    attempt = make_attempt()
    attempt = dataclasses.replace(attempt, transaction_id=start(attempt).transaction_id)
    with pytest.raises(GatewayError, match="nothing_to_capture") as refusal:
        capture(attempt)
    assert refusal.value.permanent
    assert fake.charge_count(str(attempt.id)) == 0


def test_only_the_types_of_the_settings_are_taken_if_there_are_some(fake: StripeFake, settings: object) -> None:
    settings.STRIPE_PAYMENT_METHOD_TYPES = ["card"]  # type: ignore[attr-defined]
    intent = fake.show(start(make_attempt()).transaction_id)
    assert (intent["automatic_payment_methods"], intent["payment_method_types"]) == (None, ["card"])


def test_a_saved_method_is_charged_at_once(fake: StripeFake) -> None:
    started = start(make_attempt(payment_method_id="pm_card_visa"))
    assert words(started.facts) == [("captured", "19.99", "USD")]
    assert started.client_secret == ""


def test_a_saved_method_that_is_declined_ends_the_attempt_and_nobody_gets_the_secret(fake: StripeFake) -> None:
    attempt = make_attempt(payment_method_id="pm_card_chargeDeclinedInsufficientFunds")
    started, again = start(attempt), start(attempt)
    assert names(started.facts) == names(again.facts) == [("failed", f"fail_{started.transaction_id}")]
    assert started.facts[0].detail == {"code": "insufficient_funds"}
    assert started.client_secret == again.client_secret == ""
    assert fake.charge_count(str(attempt.id)) == 0


def test_a_saved_method_whose_bank_wants_proof_goes_on_at_the_client(fake: StripeFake) -> None:
    started = start(make_attempt(payment_method_id="pm_card_authenticationRequired"))
    assert words(started.facts) == [("requires_action", "19.99", "USD")]
    assert started.client_secret.startswith(f"{started.transaction_id}_secret_")


def test_another_customers_method_is_refused_for_good(fake: StripeFake) -> None:
    attempt = make_attempt(payment_method_id="pm_of_nobody")
    with pytest.raises(GatewayError, match="resource_missing") as refusal:
        start(attempt)
    assert refusal.value.permanent
    assert fake.intents_of(str(attempt.id)) == []


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("0.50", "USD", 50),
        ("999999.99", "USD", 99_999_999),
        ("1500", "JPY", 1500),
        ("3.120", "KWD", 3120),
        ("500", "ISK", 50_000),
        ("2000", "UGX", 200_000),
        ("4000", "MGA", 4000),
    ],
)
def test_amounts_are_sent_as_stripe_counts_them(fake: StripeFake, amount: str, currency: str, units: int) -> None:
    attempt = make_attempt(amount, currency)
    attempt = dataclasses.replace(attempt, transaction_id=start(attempt).transaction_id)
    fake.pay(attempt.transaction_id)
    assert fake.ledger()[str(attempt.id)]["captured"] == units
    (fact,) = fetch(attempt)
    assert (fact.amount, fact.currency) == (attempt.amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0.00", "USD"), ("1000000.00", "USD"), ("3.125", "KWD"), ("0.001", "KWD"), ("5.50", "ISK"), ("100000000", "JPY")],
)
def test_an_amount_stripe_cannot_take_is_refused_before_it_hears_of_it(
    fake: StripeFake, amount: str, currency: str
) -> None:
    with pytest.raises(GatewayError, match="amount_not_supported") as refusal:
        start(make_attempt(amount, currency))
    assert refusal.value.permanent
    assert fake.calls == []


def test_an_amount_below_stripes_least_is_refused_by_stripe(fake: StripeFake) -> None:
    with pytest.raises(GatewayError, match="amount_too_small") as refusal:
        start(make_attempt("0.49"))
    assert refusal.value.permanent


def test_giving_up_ends_the_intent(fake: StripeFake) -> None:
    attempt = make_attempt()
    attempt = dataclasses.replace(attempt, transaction_id=start(attempt).transaction_id)
    assert names(cancel(attempt)) == names(cancel(attempt)) == [("cancelled", f"void_{attempt.transaction_id}")]
    assert fake.show(attempt.transaction_id)["status"] == "canceled"


def test_it_is_too_late_to_give_up_when_the_money_is_here(fake: StripeFake) -> None:
    attempt = make_attempt()
    attempt = dataclasses.replace(attempt, transaction_id=start(attempt).transaction_id)
    fake.pay(attempt.transaction_id)
    with pytest.raises(GatewayError, match="cannot_cancel") as refusal:
        cancel(attempt)
    assert refusal.value.permanent
    assert fake.show(attempt.transaction_id)["status"] == "succeeded"


def test_giving_up_an_attempt_whose_start_never_arrived_charges_nobody(fake: StripeFake) -> None:
    attempt = make_attempt(payment_method_id="pm_card_visa")
    (fact,) = cancel(attempt)
    assert fact.kind.value == "cancelled"
    assert fake.charge_count(str(attempt.id)) == 0
    late = start(attempt)  # the call that was under way all the time arrives now
    assert names(late.facts) == names((fact,))
    assert fake.charge_count(str(attempt.id)) == 0


def test_giving_up_an_attempt_whose_unheard_start_has_charged_is_too_late(fake: StripeFake) -> None:
    attempt = make_attempt(payment_method_id="pm_card_visa")
    fake.cut_after_accepting(path="/v1/payment_intents")
    with pytest.raises(GatewayError, match="provider_unreachable"):
        start(attempt)
    with pytest.raises(GatewayError, match="cannot_cancel"):
        cancel(attempt)
    assert fake.charge_count(str(attempt.id)) == 1


def test_an_intent_of_another_attempt_is_not_taken_for_ones_own(fake: StripeFake) -> None:
    other = start(make_attempt()).transaction_id
    with pytest.raises(GatewayError, match="foreign_transaction") as refusal:
        fetch(make_attempt(transaction_id=other))
    assert refusal.value.permanent
