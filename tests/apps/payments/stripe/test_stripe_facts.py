"""What happened at Stripe is the same fact, heard by webhook or by a question."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from apps.payments.gateways.base import Attempt
from tests.apps.payments.stripe.provider import GATEWAY, fetch, make_attempt, names, read, refund_request, start, words
from tests.fakes.stripe_provider import StripeFake


@pytest.fixture
def attempt(fake: StripeFake) -> Attempt:
    made = make_attempt()
    return dataclasses.replace(made, transaction_id=start(made).transaction_id)


def heard(fake: StripeFake, attempt: Attempt) -> list[tuple[str, str]]:
    """Return what all events so far tell, without repetition."""
    told: dict[tuple[str, str], None] = {}
    for event in fake.events:
        told |= dict.fromkeys(names(read(fake, event).facts))
    return list(told)


Play = Callable[[StripeFake, str], object]
PLAYS: dict[str, tuple[Play, list[tuple[str, str, str]]]] = {
    "nothing yet": (lambda fake, pi: None, []),
    "paid": (lambda fake, pi: fake.pay(pi), [("captured", "19.99", "USD")]),
    "proof wanted": (lambda fake, pi: fake.require_action(pi), [("requires_action", "19.99", "USD")]),
    "declined": (lambda fake, pi: fake.decline(pi), [("declined", "19.99", "USD")]),
    "on its way": (lambda fake, pi: fake.pay(pi, "pm_usBankAccount"), [("processing", "19.99", "USD")]),
    "given up at the dashboard": (lambda fake, pi: fake.cancel_at_dashboard(pi), [("cancelled", "19.99", "USD")]),
}


@pytest.mark.parametrize("play", PLAYS)
def test_a_question_and_the_events_tell_the_same(fake: StripeFake, attempt: Attempt, play: str) -> None:
    act, expected = PLAYS[play]
    act(fake, attempt.transaction_id)
    facts = fetch(attempt)
    assert words(facts) == expected
    assert heard(fake, attempt) == names(facts)


def test_references_name_the_real_thing(fake: StripeFake, attempt: Attempt) -> None:
    pi = attempt.transaction_id
    fake.decline(pi)
    first = fake.show(pi)["last_payment_error"]["charge"]
    fake.require_action(pi)
    method = fake.show(pi)["payment_method"]
    fake.authenticate(pi)
    charge = fake.show(pi)["latest_charge"]
    assert heard(fake, attempt) == [
        ("declined", f"decl_{first}"),
        ("requires_action", f"act_{pi}_{method}"),
        ("captured", charge),
    ]
    assert names(fetch(attempt)) == [("captured", charge)]


def test_money_held_and_taken_is_two_facts(fake: StripeFake, settings: Any) -> None:
    settings.STRIPE_CAPTURE_METHOD = "manual"
    made = make_attempt()
    attempt = dataclasses.replace(made, transaction_id=start(made).transaction_id)
    fake.pay(attempt.transaction_id)
    held = fetch(attempt)
    assert names(held) == [("authorised", f"auth_{attempt.transaction_id}")]
    fake.capture_at_dashboard(attempt.transaction_id)
    assert heard(fake, attempt) == [*names(held), *names(fetch(attempt))]


def test_a_hold_that_expired_is_asked_about_and_is_the_end(fake: StripeFake, settings: Any) -> None:
    settings.STRIPE_CAPTURE_METHOD = "manual"
    made = make_attempt()
    attempt = dataclasses.replace(made, transaction_id=start(made).transaction_id)
    fake.pay(attempt.transaction_id)
    fake.expire_authorisation(attempt.transaction_id)
    (expired,) = fake.events_of(attempt.transaction_id, "charge.expired")
    assert read(fake, expired).facts is None
    assert names(fetch(attempt)) == [("cancelled", f"void_{attempt.transaction_id}")]


def test_a_capture_that_stripe_calls_risky_says_so(fake: StripeFake, attempt: Attempt) -> None:
    fake.pay(attempt.transaction_id, "pm_card_riskLevelElevated")
    (fact,) = fetch(attempt)
    assert (fact.is_risky, fact.detail) == (True, {"risk": "elevated"})
    (charged,) = fake.events_of(attempt.transaction_id, "charge.succeeded")
    (told,) = read(fake, charged).facts or ()
    assert dataclasses.replace(told, occurred_at=fact.occurred_at) == fact


def test_a_refund_of_ours_is_known_by_our_id_from_every_side(fake: StripeFake, attempt: Attempt) -> None:
    fake.pay(attempt.transaction_id)
    request = refund_request(attempt, "5.00")
    result = GATEWAY.refund(request)
    assert words(result.facts) == [("refunded", "5.00", "USD")]
    (_captured, told) = fetch(attempt)
    assert names((told,)) == names(result.facts) == [("refunded", result.reference)]
    events = [read(fake, event) for event in fake.events_of(attempt.transaction_id, "refund.updated")]
    heard_of = [fact for event in events for fact in event.facts or ()]
    assert {fact.refund_id for fact in (told, *result.facts, *heard_of)} == {request.refund_id}
    assert {(event.attempt_id, event.transaction_id) for event in events} == {(attempt.id, attempt.transaction_id)}


def test_a_refund_at_the_dashboard_is_asked_for_and_is_nobodys_of_ours(fake: StripeFake, attempt: Attempt) -> None:
    fake.pay(attempt.transaction_id)
    made = fake.refund_at_dashboard(attempt.transaction_id, 700)
    (event,) = fake.events_of(attempt.transaction_id, "charge.refunded")
    message = read(fake, event)
    assert (message.facts, message.hint, message.attempt_id) == (None, attempt.transaction_id, attempt.id)
    (_captured, refunded) = fetch(attempt, hint=message.hint)
    assert (names((refunded,)), words((refunded,))) == ([("refunded", made["id"])], [("refunded", "7.00", "USD")])
    assert refunded.refund_id is None


def test_a_refund_on_its_way_says_nothing_and_one_that_failed_undoes_itself(fake: StripeFake, attempt: Attempt) -> None:
    fake.pay(attempt.transaction_id)
    fake.hold_refunds()
    waiting = GATEWAY.refund(refund_request(attempt, "5.00"))
    assert waiting.facts == ()
    assert words(fetch(attempt)) == [("captured", "19.99", "USD")]
    fake.finish_refund(waiting.reference)
    assert words(fetch(attempt))[1:] == [("refunded", "5.00", "USD")]
    fake.fail_refund(waiting.reference)
    (_captured, failed) = fetch(attempt)
    assert names((failed,)) == [("refund_failed", waiting.reference)]
    assert failed.detail == {"code": "expired_or_canceled_card"}
    assert ("refunded", waiting.reference) in heard(fake, attempt)
    assert ("refund_failed", waiting.reference) in heard(fake, attempt)


@pytest.mark.parametrize("amount", ["20.00", "19.99"])
def test_more_than_is_left_cannot_be_refunded(fake: StripeFake, attempt: Attempt, amount: str) -> None:
    fake.pay(attempt.transaction_id)
    GATEWAY.refund(refund_request(attempt, "0.01"))
    with pytest.raises(Exception, match="amount_too_large") as refusal:
        GATEWAY.refund(refund_request(attempt, amount))
    assert refusal.value.permanent  # type: ignore[attr-defined]
    assert fake.ledger()[str(attempt.id)]["refunded"] == 1


@pytest.mark.parametrize(("won", "word"), [(True, "dispute_won"), (False, "dispute_lost")])
@pytest.mark.parametrize("is_inquiry", [True, False])
def test_a_dispute_has_one_reference_from_its_first_word_to_its_last(
    fake: StripeFake, attempt: Attempt, won: bool, word: str, is_inquiry: bool
) -> None:
    if is_inquiry:
        word = "dispute_won"  # nothing was taken, whatever its end is called
    fake.pay(attempt.transaction_id)
    dispute = fake.open_dispute(attempt.transaction_id, 1500, is_inquiry=is_inquiry)
    name, amount = (f"{dispute['id']}_inquiry", "0.00") if is_inquiry else (dispute["id"], "15.00")
    (_captured, opened) = fetch(attempt)
    assert (names((opened,)), words((opened,))) == ([("disputed", name)], [("disputed", amount, "USD")])
    assert opened.detail == {"reason": "fraudulent"}
    fake.answer_dispute(dispute["id"])
    fake.close_dispute(dispute["id"], won=won)
    assert names(fetch(attempt))[1:] == [(word, name)]
    assert heard(fake, attempt)[1:] == [("disputed", name), (word, name)]


def test_every_kind_of_event_the_fake_can_tell_is_read(fake: StripeFake, attempt: Attempt) -> None:
    pi = attempt.transaction_id
    fake.decline(pi)
    fake.require_action(pi)
    fake.authenticate(pi)
    fake.refund_at_dashboard(pi, 100)
    fake.close_dispute(fake.open_dispute(pi, 200)["id"], won=True)
    messages = [read(fake, event) for event in fake.events]
    assert {message.event_id for message in messages} == {event["id"] for event in fake.events}
    assert all(message.digest and not message.refusal for message in messages)
