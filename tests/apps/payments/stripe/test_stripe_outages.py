"""Stripe slow, dead, broken or cut off: one attempt is one charge, and nobody is told a guess."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from apps.payments.gateways.base import GatewayError
from core import clock
from tests.apps.payments.stripe.provider import (
    GATEWAY,
    cancel,
    fetch,
    id_made,
    make_attempt,
    refund_request,
    start,
    words,
)
from tests.fakes.stripe_provider import StripeFake

CREATE = "/v1/payment_intents"


def begun(fake: StripeFake, **more: str) -> Any:
    """Return an attempt that has been paid."""
    attempt = make_attempt(**more)
    attempt = dataclasses.replace(attempt, transaction_id=start(attempt).transaction_id)
    fake.pay(attempt.transaction_id)
    return attempt


def test_a_line_cut_after_the_work_is_one_charge_when_it_is_repeated(fake: StripeFake) -> None:
    attempt = make_attempt(payment_method_id="pm_card_visa")
    fake.cut_after_accepting(path=CREATE)
    with pytest.raises(GatewayError, match="provider_unreachable") as failure:
        start(attempt)
    assert not failure.value.permanent
    assert words(start(attempt).facts) == [("captured", "19.99", "USD")]
    assert fake.charge_count(str(attempt.id)) == 1
    assert len(fake.intents_of(str(attempt.id))) == 1


def test_a_provider_that_takes_too_long_is_asked_again(fake: StripeFake, settings: Any) -> None:
    settings.STRIPE_TIMEOUT_SECONDS = 0.2
    attempt = make_attempt(payment_method_id="pm_card_visa")
    fake.slow(0.5, path=CREATE)
    with pytest.raises(GatewayError, match="provider_unreachable") as failure:
        start(attempt)
    assert not failure.value.permanent
    settings.STRIPE_TIMEOUT_SECONDS = 8
    finished = _start_until_answered(attempt)
    assert words(finished.facts) == [("captured", "19.99", "USD")]
    assert fake.charge_count(str(attempt.id)) == 1


def _start_until_answered(attempt: Any) -> Any:
    """The first call may still be at work: its key is then busy (409), which is not for good."""
    for _ in range(1_000):
        try:
            return start(attempt)
        except GatewayError as error:
            if (error.code, error.permanent) != ("provider_busy", False):
                raise
    raise AssertionError("the first call never ended")


@pytest.mark.parametrize("works", [True, False])
@pytest.mark.parametrize("method", ["", "pm_card_visa"])
def test_an_error_that_stripe_keeps_for_the_key_for_a_day_does_not_keep_the_payer(
    fake: StripeFake, method: str, works: bool
) -> None:
    attempt = make_attempt(payment_method_id=method)
    fake.answer_500(path=CREATE, works=works, method="POST")
    started = start(attempt)
    assert started.transaction_id == start(attempt).transaction_id
    assert len(fake.intents_of(str(attempt.id))) == 1
    assert fake.charge_count(str(attempt.id)) == (1 if method else 0)


@pytest.mark.parametrize("works", [True, False])
def test_an_error_of_the_line_in_between_is_one_charge(fake: StripeFake, works: bool) -> None:
    attempt = make_attempt(payment_method_id="pm_card_visa")
    fake.answer_500(path=CREATE, works=works, status=502, method="POST")
    assert words(start(attempt).facts) == [("captured", "19.99", "USD")]
    assert (fake.charge_count(str(attempt.id)), len(fake.intents_of(str(attempt.id)))) == (1, 1)


def test_while_nobody_knows_whether_the_work_goes_on_no_other_key_is_used(fake: StripeFake) -> None:
    attempt = make_attempt(payment_method_id="pm_card_visa")
    fake.answer_500(2, path=CREATE, status=504, method="POST")
    with pytest.raises(GatewayError, match="provider_broken") as failure:
        start(attempt)
    assert not failure.value.permanent
    keys = {call.headers["idempotency-key"] for call in fake.calls if call.method == "POST"}
    assert keys == {f"start-{attempt.id.hex}"}


@pytest.mark.parametrize("status", [503, 529])
def test_a_provider_that_is_down_is_asked_again(fake: StripeFake, status: int) -> None:
    attempt = make_attempt()
    fake.answer_500(5, path=CREATE, status=status)
    with pytest.raises(GatewayError, match="provider_broken") as failure:
        start(attempt)
    assert not failure.value.permanent
    fake.behave()
    assert start(attempt).transaction_id == fake.intents_of(str(attempt.id))[0]["id"]


def test_a_dead_provider_is_asked_again(fake: StripeFake) -> None:
    attempt = make_attempt()
    fake.dead()
    for call in (lambda: start(attempt), lambda: cancel(attempt)):
        with pytest.raises(GatewayError, match="provider_unreachable") as failure:
            call()
        assert not failure.value.permanent
    fake.alive()
    assert start(attempt).transaction_id


@pytest.mark.parametrize("method", ["", "pm_card_visa"])
def test_an_attempt_whose_key_is_forgotten_is_looked_for_first(fake: StripeFake, method: str) -> None:
    made_at = clock.now() - dt.timedelta(hours=25)
    attempt = dataclasses.replace(make_attempt(payment_method_id=method), id=id_made(made_at))
    first = start(attempt, now=made_at)
    fake.forget_idempotency_keys()
    assert start(attempt).transaction_id == first.transaction_id
    assert len(fake.intents_of(str(attempt.id))) == 1


def test_other_settings_since_the_first_call_find_the_same_intent(fake: StripeFake, settings: Any) -> None:
    attempt = make_attempt()
    first = start(attempt)
    settings.STRIPE_CAPTURE_METHOD = "manual"
    assert start(attempt) == first
    assert len(fake.intents_of(str(attempt.id))) == 1


def test_a_wrong_key_is_put_right_by_people_so_nothing_fails_for_good(fake: StripeFake, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_of_somebody_else"
    with pytest.raises(GatewayError, match="provider_refused_the_key") as failure:
        start(make_attempt())
    assert not failure.value.permanent


def test_without_a_key_the_provider_is_away(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(GatewayError, match="provider_not_configured") as failure:
        start(make_attempt())
    assert not failure.value.permanent


@pytest.mark.parametrize("trouble", ["cut", "broken"])
def test_a_refund_that_was_not_answered_is_one_refund_when_it_is_repeated(fake: StripeFake, trouble: str) -> None:
    attempt = begun(fake)
    request = refund_request(attempt)
    if trouble == "cut":
        fake.cut_after_accepting(path="/v1/refunds")
        with pytest.raises(GatewayError, match="provider_unreachable"):
            GATEWAY.refund(request)
    else:
        fake.answer_500(path="/v1/refunds", works=True, method="POST")
    assert GATEWAY.refund(request) == GATEWAY.refund(request)
    assert fake.ledger()[str(attempt.id)]["refunded"] == 500


def test_a_refund_whose_key_is_forgotten_is_looked_for_first(fake: StripeFake) -> None:
    attempt = begun(fake)
    request = refund_request(attempt, refund_id=id_made(clock.now() - dt.timedelta(hours=25)))
    first = GATEWAY.refund(request)
    fake.forget_idempotency_keys()
    assert GATEWAY.refund(request) == first
    assert fake.ledger()[str(attempt.id)]["refunded"] == 500


def test_a_failed_refund_call_of_which_stripe_has_nothing_stays_open(fake: StripeFake) -> None:
    attempt = begun(fake)
    fake.answer_500(path="/v1/refunds", method="POST")
    with pytest.raises(GatewayError, match="provider_broken") as failure:
        GATEWAY.refund(refund_request(attempt))
    assert not failure.value.permanent
    assert fake.ledger()[str(attempt.id)]["refunded"] == 0


def test_an_answer_that_is_not_what_it_should_be_is_no_answer(fake: StripeFake, monkeypatch: Any) -> None:
    attempt = begun(fake)
    fake.books.get("payment_intent", attempt.transaction_id)["amount_received"] = "19.99"
    with pytest.raises(GatewayError, match="provider_answer_malformed") as failure:
        fetch(attempt)
    assert not failure.value.permanent
