"""What every payment gateway promises, run over all of them, without a database.

A gateway passes against its provider's stand-in (gateway_stands.py), which keeps its own books.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as configured

from apps.payments.gateways.base import (
    Attempt,
    Buyer,
    CancelRequest,
    CaptureRequest,
    Fact,
    FetchRequest,
    Gateway,
    GatewayError,
    RefundRequest,
    StartRequest,
    StartResult,
    WebhookMessage,
)
from apps.payments.gateways.registry import find_gateway
from apps.payments.models import Payment, PaymentEntry, Refund, WebhookEvent
from apps.payments.states import EntryKind
from core import clock
from core.ids import new_id
from tests.contracts.gateway_stands import STANDS, Price, Stand, open_stand
from tests.factories import ADDRESS

NAMES = sorted(configured.PAYMENT_GATEWAYS)
CALLED = [name for name in NAMES if name not in {"cod", "simulated"}]
SENDERS = [name for name in NAMES if name != "cod"]


@pytest.fixture(params=NAMES)
def stand(request: pytest.FixtureRequest, settings: Any) -> Iterator[Stand]:
    with open_stand(request.param, settings) as opened:
        yield opened


@pytest.fixture(params=CALLED)
def called(request: pytest.FixtureRequest, settings: Any) -> Iterator[Stand]:
    """A gateway that calls its provider over a network."""
    with open_stand(request.param, settings) as opened:
        yield opened


@pytest.fixture(params=SENDERS)
def sender(request: pytest.FixtureRequest, settings: Any) -> Iterator[Stand]:
    """A gateway whose provider sends messages."""
    with open_stand(request.param, settings) as opened:
        yield opened


@pytest.fixture
def gateway(stand: Stand) -> Gateway:
    return stand.gateway


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


def make_attempt(price: Price, method: str = "") -> Attempt:
    amount, currency = price
    return Attempt(
        id=new_id(),
        amount=Decimal(amount),
        currency=currency,
        order_id=new_id(),
        order_number="ABCD-EFGH-JKLM",
        payment_method_id=method,
    )


def start_of(attempt: Attempt, now: dt.datetime) -> StartRequest:
    return StartRequest(attempt=attempt, buyer=Buyer(email="a@example.com", language="en", address=ADDRESS), now=now)


def known_as(attempt: Attempt, result: StartResult) -> Attempt:
    """Return the attempt as the shop knows it after its start."""
    return dataclasses.replace(
        attempt, transaction_id=result.transaction_id, session_reference=result.session_reference
    )


def waiting(stand: Stand, now: dt.datetime) -> Attempt:
    """Return an attempt that waits for its payer."""
    attempt = make_attempt(stand.prices[0], stand.waiting_method)
    return known_as(attempt, stand.gateway.start(start_of(attempt, now)))


def paid(stand: Stand, now: dt.datetime, price: Price | None = None) -> Attempt:
    """Return an attempt whose payer has paid."""
    attempt = make_attempt(price or stand.prices[0])
    attempt = known_as(attempt, stand.gateway.start(start_of(attempt, now)))
    stand.pay(attempt)
    return attempt


def capture(stand: Stand, attempt: Attempt, now: dt.datetime) -> tuple[Fact, ...]:
    return stand.gateway.capture(CaptureRequest(attempt=attempt, now=now))


def fetch(stand: Stand, attempt: Attempt, now: dt.datetime, hint: str = "") -> tuple[Fact, ...]:
    return stand.gateway.fetch(FetchRequest(attempt=attempt, now=now, hint=hint))


def cancel(stand: Stand, attempt: Attempt, now: dt.datetime) -> tuple[Fact, ...]:
    return stand.gateway.cancel(CancelRequest(attempt=attempt, now=now))


def read(stand: Stand, attempt: Attempt, now: dt.datetime) -> WebhookMessage:
    assert stand.message is not None
    body, headers = stand.message(attempt)
    return stand.gateway.read_webhook(body=body, headers=headers, now=now)


def refund_of(stand: Stand, attempt: Attempt, now: dt.datetime, share: int = 4) -> RefundRequest:
    (money,) = capture(stand, attempt, now)
    return RefundRequest(
        attempt=attempt,
        refund_id=new_id(),
        amount=(attempt.amount / share).quantize(Decimal("0.01")),
        reason="goodwill",
        capture_reference=money.reference,
        now=now,
    )


def names_of(facts: tuple[Fact, ...]) -> list[tuple[EntryKind, str]]:
    return [(fact.kind, fact.reference) for fact in facts]


def each_price(stand: Stand) -> Iterator[tuple[Price, Attempt]]:
    return ((price, make_attempt(price)) for price in stand.prices)


def test_every_gateway_of_the_shop_is_tried_here() -> None:
    assert sorted(STANDS) == NAMES


def test_the_senders_are_those_that_say_so() -> None:
    gateways = [find_gateway(name) for name in NAMES]
    assert [each.name for each in gateways if each is not None and each.sends_webhooks] == SENDERS


def test_it_is_called_what_the_settings_call_it(gateway: Gateway) -> None:
    assert find_gateway(gateway.name) is gateway
    assert len(gateway.name) <= field_length(Payment, "provider")
    assert gateway.inquiry_seconds is None or gateway.inquiry_seconds >= 1
    assert (gateway.inquiry_seconds is None) == gateway.settles_by_hand


def test_starting_twice_is_one_transaction_and_one_set_of_facts(stand: Stand, now: dt.datetime) -> None:
    for _, attempt in each_price(stand):
        request = start_of(attempt, now)
        first, again = stand.gateway.start(request), stand.gateway.start(request)
        assert again.transaction_id == first.transaction_id
        assert again.client_secret == first.client_secret
        assert names_of(again.facts) == names_of(first.facts)


def test_money_is_told_in_the_attempts_amount_and_currency(stand: Stand, now: dt.datetime) -> None:
    for price in stand.prices:
        attempt = paid(stand, now, price)
        facts = capture(stand, attempt, now)
        assert [fact.kind for fact in facts] == [EntryKind.CAPTURED]
        assert [(fact.amount, fact.currency) for fact in facts] == [(Decimal(price[0]), price[1])]


def test_a_price_it_cannot_take_is_refused_for_good(stand: Stand, now: dt.datetime) -> None:
    for price in stand.wrong_prices:
        with pytest.raises(GatewayError) as refusal:
            stand.gateway.start(start_of(make_attempt(price), now))
        assert refusal.value.permanent, price


def test_nothing_is_told_of_money_before_the_payer_has_paid(stand: Stand, now: dt.datetime) -> None:
    attempt = waiting(stand, now)
    request = FetchRequest(attempt=attempt, now=now, by_clock=True)
    assert not [fact for fact in stand.gateway.fetch(request) if fact.kind == EntryKind.CAPTURED]


def test_many_attempts_are_as_many_transactions(stand: Stand, now: dt.datetime) -> None:
    price = stand.prices[0]
    names = {stand.gateway.start(start_of(make_attempt(price), now)).transaction_id for _ in range(50)}
    assert len(names) == 50


def test_what_it_answers_fits_the_tables(stand: Stand, now: dt.datetime) -> None:
    attempt = make_attempt(max(stand.prices, key=lambda price: len(price[0])))
    result = stand.gateway.start(start_of(attempt, now))
    assert 1 <= len(result.transaction_id) <= field_length(Payment, "transaction_id")
    for name in ("client_secret", "redirect_url", "session_reference"):
        assert len(getattr(result, name)) <= field_length(Payment, name)
    money = paid(stand, now)
    refund = stand.gateway.refund(refund_of(stand, money, now))
    assert 1 <= len(refund.reference) <= field_length(Refund, "provider_reference")
    for fact in (*result.facts, *capture(stand, money, now), *refund.facts, *fetch(stand, money, now)):
        assert 1 <= len(fact.reference) <= field_length(PaymentEntry, "reference")
        assert fact.occurred_at.tzinfo is not None
        assert fact.currency in {attempt.currency, money.currency}


def test_capturing_twice_is_one_capture(stand: Stand, now: dt.datetime) -> None:
    attempt = paid(stand, now)
    assert names_of(capture(stand, attempt, now)) == names_of(capture(stand, attempt, now))


def test_asking_changes_nothing_and_repeats_itself(stand: Stand, now: dt.datetime) -> None:
    for attempt in (waiting(stand, now), paid(stand, now)):
        assert names_of(fetch(stand, attempt, now)) == names_of(fetch(stand, attempt, now))


def test_asking_tells_of_the_money_as_capturing_does(stand: Stand, now: dt.datetime) -> None:
    attempt = paid(stand, now)
    expected = [] if stand.gateway.settles_by_hand else names_of(capture(stand, attempt, now))
    assert names_of(fetch(stand, attempt, now)) == expected


def test_refunding_twice_is_one_refund(stand: Stand, now: dt.datetime) -> None:
    attempt = paid(stand, now)
    request = refund_of(stand, attempt, now)
    first, again = stand.gateway.refund(request), stand.gateway.refund(request)
    assert (again.reference, names_of(again.facts)) == (first.reference, names_of(first.facts))
    assert [(fact.kind, fact.reference, fact.amount, fact.currency) for fact in first.facts] == [
        (EntryKind.REFUNDED, first.reference, request.amount, attempt.currency)
    ]


def test_as_many_refunds_have_as_many_references(stand: Stand, now: dt.datetime) -> None:
    attempt = paid(stand, now)
    references = {stand.gateway.refund(refund_of(stand, attempt, now, share=12)).reference for _ in range(10)}
    assert len(references) == 10


def test_giving_up_before_the_start_was_answered_cancels_and_may_be_said_twice(stand: Stand, now: dt.datetime) -> None:
    attempt = make_attempt(stand.prices[0])
    first, again = cancel(stand, attempt, now), cancel(stand, attempt, now)
    assert [fact.kind for fact in first] == [EntryKind.CANCELLED]
    assert names_of(again) == names_of(first)


def test_giving_up_while_the_payer_hesitates_cancels(stand: Stand, now: dt.datetime) -> None:
    attempt = waiting(stand, now)
    facts = cancel(stand, attempt, now)
    assert [(fact.kind, fact.amount, fact.currency) for fact in facts] == [
        (EntryKind.CANCELLED, attempt.amount, attempt.currency)
    ]
    assert names_of(cancel(stand, attempt, now)) == names_of(facts)


def test_giving_up_when_the_money_is_here_is_too_late(sender: Stand, now: dt.datetime) -> None:
    attempt = paid(sender, now)
    with pytest.raises(GatewayError) as refusal:
        cancel(sender, attempt, now)
    assert (refusal.value.code, refusal.value.permanent) == ("cannot_cancel", True)


def test_a_message_and_a_question_tell_the_same(sender: Stand, now: dt.datetime) -> None:
    attempt = paid(sender, now)
    message = read(sender, attempt, now)
    told = message.facts if message.facts is not None else fetch(sender, attempt, now, message.hint)
    assert names_of(told) == names_of(capture(sender, attempt, now))
    assert (message.attempt_id, message.transaction_id) == (attempt.id, attempt.transaction_id)
    assert (message.refusal, message.customer_reference) == ("", "")
    assert 1 <= len(message.event_id) <= field_length(WebhookEvent, "event_id") - 20


def test_a_message_that_comes_again_is_recognised(sender: Stand, now: dt.datetime) -> None:
    attempt = paid(sender, now)
    first, again = read(sender, attempt, now), read(sender, attempt, now)
    assert (again.event_id, again.digest) == (first.event_id, first.digest)


def test_a_stored_message_says_what_it_said_when_it_came(sender: Stand, now: dt.datetime) -> None:
    attempt = paid(sender, now)
    assert sender.message is not None
    body, headers = sender.message(attempt)
    came = sender.gateway.read_webhook(body=body, headers=headers, now=now)
    reread = sender.gateway.reread_webhook(body=body, now=now + dt.timedelta(days=30))
    assert (reread.event_id, reread.digest, reread.hint) == (came.event_id, came.digest, came.hint)
    assert names_of(reread.facts or ()) == names_of(came.facts or ())


def test_a_message_changed_on_its_way_is_refused_for_good(sender: Stand, now: dt.datetime) -> None:
    assert sender.message is not None
    body, headers = sender.message(paid(sender, now))
    for change in (body.replace(b"0", b"1", 1), body.replace(b"9", b"8", 1), body[:-2], b""):
        if change == body:
            continue
        with pytest.raises(GatewayError) as refusal:
            sender.gateway.read_webhook(body=change, headers=headers, now=now)
        assert refusal.value.permanent


@pytest.mark.parametrize("headers", [{}, {"Simulated-Signature": ""}, {"Stripe-Signature": "t=1,v1=00"}])
@pytest.mark.parametrize("body", [b"", b"{}", b"status=VALID&tran_id=1", b"\xff\x00", b"[" * 10_000])
def test_an_unsigned_message_is_refused_for_good(
    gateway: Gateway, now: dt.datetime, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(GatewayError) as refusal:
        gateway.read_webhook(body=body, headers=headers, now=now)
    assert refusal.value.permanent


def test_what_was_missed_can_be_read_again(stand: Stand, now: dt.datetime) -> None:
    paid(stand, now)
    since, until = now - dt.timedelta(hours=1), now + dt.timedelta(minutes=1)
    for message, body in stand.gateway.missed_messages(since=since, now=until):
        assert stand.gateway.reread_webhook(body=body, now=until).event_id == message.event_id


Call = Callable[[Stand, Attempt, dt.datetime], object]
CALLS: dict[str, Call] = {
    "start": lambda stand, attempt, now: stand.gateway.start(start_of(make_attempt(stand.prices[0]), now)),
    "capture": capture,
    "cancel": cancel,
    "fetch": fetch,
    "refund": lambda stand, attempt, now: stand.gateway.refund(
        RefundRequest(
            attempt=attempt,
            refund_id=new_id(),
            amount=attempt.amount,
            reason="goodwill",
            capture_reference="ch_1",
            now=now,
        )
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("trouble", ["dead", "broken"])
def test_a_provider_that_is_away_has_refused_nothing(called: Stand, now: dt.datetime, call: str, trouble: str) -> None:
    attempt = paid(called, now)
    assert called.fake is not None
    if trouble == "dead":
        called.fake.dead()
    else:
        called.fake.answer_500(20, status=503)
    with pytest.raises(GatewayError) as failure:
        CALLS[call](called, attempt, now)
    assert not failure.value.permanent


def test_a_start_whose_answer_was_lost_is_one_transaction_when_it_is_repeated(called: Stand, now: dt.datetime) -> None:
    attempt = make_attempt(called.prices[0])
    assert called.fake is not None
    called.fake.cut_after_accepting(path=called.start_path)
    with pytest.raises(GatewayError) as failure:
        called.gateway.start(start_of(attempt, now))
    assert not failure.value.permanent
    attempt = known_as(attempt, called.gateway.start(start_of(attempt, now)))
    called.pay(attempt)
    assert [fact.kind for fact in fetch(called, attempt, now)] == [EntryKind.CAPTURED]
    assert called.fake.charge_count(str(attempt.id)) == 1


@pytest.mark.parametrize(
    "key_of",
    [
        lambda a, now: start_of(a, now).key,
        lambda a, now: CaptureRequest(attempt=a, now=now).key,
        lambda a, now: CancelRequest(attempt=a, now=now).key,
    ],
)
def test_the_key_of_a_request_follows_from_the_attempt_and_not_from_the_time(
    now: dt.datetime, key_of: Callable[[Attempt, dt.datetime], str]
) -> None:
    attempt, other = make_attempt(("19.99", "USD")), make_attempt(("19.99", "USD"))
    assert key_of(attempt, now) == key_of(attempt, now + dt.timedelta(days=1))
    assert key_of(attempt, now) != key_of(other, now)


def field_length(model: type, name: str) -> int:
    length = model._meta.get_field(name).max_length  # type: ignore[attr-defined]
    assert length is not None
    return int(length)
