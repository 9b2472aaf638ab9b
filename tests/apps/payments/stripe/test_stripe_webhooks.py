"""Stripe's events: who sent them is proven on the raw bytes, and what cannot be read is refused, whatever it is."""

import copy
import datetime as dt
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.stripe_events import read_event
from core import clock
from tests.apps.payments.stripe.provider import GATEWAY, SECRET, make_attempt, names, read, start
from tests.fakes.stripe_provider import StripeFake

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
STAMP = int(NOW.timestamp())


def event(kind: str = "payment_intent.succeeded", **thing: Any) -> dict[str, Any]:
    """Return an event about a payment intent that succeeded."""
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1999,
        "amount_received": 1999,
        "currency": "usd",
        "status": "succeeded",
        "latest_charge": "ch_1",
        "metadata": {"attempt_id": "01890000-0000-7000-8000-000000000001"},
    }
    return {
        "id": "evt_1",
        "object": "event",
        "created": STAMP,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": None},
        "type": kind,
        "data": {"object": intent | thing},
    }


def body_of(content: Any) -> bytes:
    return json.dumps(content, indent=2).encode()


def header(body: bytes, *, secret: str = SECRET, stamp: int = STAMP) -> str:
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def receive(body: bytes, *, signature: str | None = None, now: dt.datetime = NOW) -> Any:
    headers = {"Stripe-Signature": header(body) if signature is None else signature}
    return GATEWAY.read_webhook(body=body, headers=headers, now=now)


@pytest.fixture(autouse=True)
def _shop(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
    settings.STRIPE_SECRET_KEY = "sk_test_fake"


def test_a_signed_event_says_whose_it_is_and_what_happened() -> None:
    message = receive(body_of(event()))
    assert (message.event_id, message.transaction_id) == ("evt_1", "pi_1")
    assert str(message.attempt_id) == "01890000-0000-7000-8000-000000000001"
    assert names(message.facts) == [("captured", "ch_1")]
    assert message.facts[0].occurred_at == NOW


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_an_event_of_the_last_or_next_300_seconds_is_taken(seconds: int) -> None:
    body = body_of(event())
    assert receive(body, signature=header(body, stamp=STAMP + seconds)).event_id == "evt_1"


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_an_event_from_further_away_is_refused_both_ways(seconds: int) -> None:
    body = body_of(event())
    with pytest.raises(GatewayError, match="stale_signature"):
        receive(body, signature=header(body, stamp=STAMP + seconds))


def test_while_a_secret_is_changed_both_are_good(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", SECRET]
    body = body_of(event())
    for secret in ("whsec_new", SECRET):
        assert receive(body, signature=header(body, secret=secret)).event_id == "evt_1"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new"]
    with pytest.raises(GatewayError, match="bad_signature"):
        receive(body, signature=header(body))


def test_the_signature_is_of_the_raw_bytes() -> None:
    body = body_of(event())
    with pytest.raises(GatewayError, match="bad_signature"):
        receive(json.dumps(json.loads(body)).encode(), signature=header(body))


@pytest.mark.parametrize(
    "forged",
    ["", "t=1", "v1=00", "t=,v1=", f"t={STAMP},v0=00", f"t={STAMP},v1=", "garbage", f"t={STAMP},t=1,v1=00"],
)
def test_what_is_not_signed_is_refused(forged: str) -> None:
    with pytest.raises(GatewayError, match="bad_signature") as refusal:
        receive(body_of(event()), signature=forged)
    assert refusal.value.permanent


def test_without_a_secret_nothing_is_accepted(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = []
    body = body_of(event())
    with pytest.raises(GatewayError, match="webhooks_not_configured"):
        receive(body, signature=header(body, secret=""))


def test_the_official_library_accepts_what_we_accept() -> None:
    import stripe

    stamp = int(clock.now().timestamp())
    body = body_of(event())
    told = stripe.Webhook.construct_event(body, header(body, stamp=stamp), SECRET)
    assert told["id"] == receive(body, signature=header(body, stamp=stamp), now=clock.now()).event_id


@pytest.mark.parametrize(
    ("key", "livemode", "refusal"),
    [
        ("sk_live_x", False, "test-mode event"),
        ("rk_live_x", False, "test-mode event"),
        ("sk_test_x", True, "live-mode event"),
        ("rk_test_x", True, "live-mode event"),
        ("sk_live_x", True, ""),
        ("sk_test_x", False, ""),
    ],
)
def test_play_money_is_not_money(settings: Any, key: str, livemode: bool, refusal: str) -> None:
    settings.STRIPE_SECRET_KEY = key
    assert receive(body_of({**event(), "livemode": livemode})).refusal == refusal


def test_a_redelivery_has_the_same_digest_and_another_content_has_not() -> None:
    first = receive(body_of(event()))
    again = receive(body_of({**event(), "pending_webhooks": 0, "request": None}))
    assert again.digest == first.digest
    changed = [
        event(amount_received=1),
        event(currency="eur"),
        event("payment_intent.canceled"),
        {**event(), "created": STAMP + 1},
    ]
    digests = {receive(body_of(content)).digest for content in changed}
    assert len(digests) == 4
    assert first.digest not in digests


def test_a_stored_event_is_read_again_without_a_signature() -> None:
    body = body_of(event())
    assert GATEWAY.reread_webhook(body=body, now=NOW + dt.timedelta(days=30)) == receive(body)


@pytest.mark.parametrize(
    "kind", ["payment_intent.created", "payout.paid", "customer.created", "checkout.session.expired"]
)
def test_what_is_of_no_interest_has_no_facts(kind: str) -> None:
    message = receive(body_of(event(kind)))
    assert (message.facts, message.customer_reference) == ((), "")


def test_news_of_saved_methods_name_the_customer() -> None:
    attached = event("payment_method.attached", object="payment_method", id="pm_1", customer="cus_1")
    setup = event("setup_intent.succeeded", object="setup_intent", id="seti_1", customer="cus_2")
    detached = event("payment_method.detached", object="payment_method", id="pm_1", customer=None)
    detached["data"]["previous_attributes"] = {"customer": "cus_3"}
    nobodys = event("setup_intent.succeeded", object="setup_intent", id="seti_1", customer=None)
    found = [receive(body_of(content)).customer_reference for content in (attached, setup, detached, nobodys)]
    assert found == ["cus_1", "cus_2", "cus_3", ""]


def _changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    content = copy.deepcopy(event())
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"{}" + b" " * 100_000,
        b"[" * 100_000,
        *[body_of(_changed(("id",), value)) for value in (None, 1, "", "evt 1", "e" * 65, ["evt_1"])],
        *[body_of(_changed(("type",), value)) for value in (None, 1, {}, [])],
        *[body_of(_changed(("livemode",), value)) for value in (None, 0, "no")],
        *[body_of(_changed(("created",), value)) for value in (None, "1", 1.5, 10**18, -(10**18), True)],
        *[body_of(_changed(("data",), value)) for value in (None, [], {}, {"object": None}, {"object": "pi_1"})],
        *[body_of(_changed(("data", "object", "amount_received"), v)) for v in (-1, 1.5, "1999", 10**14, True, [])],
        *[body_of(_changed(("data", "object", "currency"), v)) for v in (None, 1, "", "dollars", "us1", "ñññ")],
        *[body_of(_changed(("data", "object", "id"), v)) for v in (None, 1, "", "pi/1", "p" * 65)],
        *[body_of(_changed(("data", "object", "object"), v)) for v in (None, "charge", 1)],
        *[body_of(_changed(("data", "object", "latest_charge"), v)) for v in (None, 1, "", [], {}, {"id": 1})],
        *[body_of(_changed(("data", "object", "metadata"), v)) for v in (1, "x", ["x"])],
    ],
)
def test_what_cannot_be_read_is_refused_for_good(body: bytes) -> None:
    with pytest.raises(GatewayError, match="malformed") as refusal:
        receive(body)
    assert refusal.value.permanent


@pytest.mark.parametrize("status", ["requires_confirmation", "a_status_of_tomorrow", None, [], {}])
def test_a_status_nobody_knows_says_nothing(status: Any) -> None:
    assert receive(body_of(event(status=status))).facts == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)
TYPES = [
    "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.requires_action", "charge.succeeded",
    "charge.refunded", "refund.updated", "charge.dispute.created", "charge.dispute.funds_reinstated",
    "setup_intent.succeeded", "payment_method.detached",
]  # fmt: skip
MEMBERS = [
    "id", "object", "amount", "amount_received", "amount_captured", "currency", "status", "latest_charge", "captured",
    "metadata", "last_payment_error", "payment_method", "payment_intent", "outcome", "reason", "failure_reason",
    "customer", "canceled_at",
]  # fmt: skip
STATUSES = ["succeeded", "canceled", "requires_action", "requires_payment_method", "processing", "requires_capture"]
OBJECTS = ["payment_intent", "charge", "refund", "dispute", "setup_intent", "payment_method"]
VALUES = JSON | st.sampled_from([*STATUSES, *OBJECTS, "failed", "pending", "won", "lost", "needs_response", "usd"])


@given(
    kind=st.sampled_from(TYPES),
    members=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=8),
    outer=st.dictionaries(st.sampled_from(["id", "created", "livemode", "data", "type"]), JSON, max_size=1),
)
@hypothesis_settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_body_whatsoever_raises_another_error(kind: str, members: Any, outer: Any) -> None:
    _read_or_refuse(json.dumps(event(kind, **members) | outer).encode("utf-8", "surrogatepass"))


@given(body=st.binary(max_size=200))
@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_bytes_whatsoever_raise_another_error(body: bytes) -> None:
    _read_or_refuse(body)


def _read_or_refuse(body: bytes) -> None:
    try:
        message = read_event(body, is_live=False)
    except GatewayError as refusal:
        if (refusal.code, refusal.permanent) != ("malformed", True):
            raise
        return
    assert message.event_id
    assert all(fact.amount >= 0 and len(fact.reference) <= 150 for fact in message.facts or ())


def test_what_was_not_delivered_is_listed_oldest_first(fake: StripeFake) -> None:
    started = start(make_attempt())
    fake.decline(started.transaction_id)
    fake.pay(started.transaction_id)
    since = clock.now() - dt.timedelta(hours=1)
    later = clock.now() + dt.timedelta(seconds=60)
    missed = list(GATEWAY.missed_messages(since=since, now=later))
    told = ["payment_intent.payment_failed", "charge.succeeded", "payment_intent.succeeded"]
    expected = [event["id"] for event in fake.events if event["type"] in told]
    assert [message.event_id for message, _ in missed] == expected
    assert [GATEWAY.reread_webhook(body=body, now=later) for _, body in missed] == [message for message, _ in missed]
    assert list(GATEWAY.missed_messages(since=later, now=later)) == []


def test_an_event_that_is_listed_has_the_digest_of_the_one_that_was_sent(fake: StripeFake) -> None:
    started = start(make_attempt())
    fake.pay(started.transaction_id)
    sent = {message.event_id: message.digest for message in (read(fake, event) for event in fake.events)}
    since, later = clock.now() - dt.timedelta(hours=1), clock.now() + dt.timedelta(seconds=60)
    missed = list(GATEWAY.missed_messages(since=since, now=later))
    assert len(missed) == 2
    assert all(sent[message.event_id] == message.digest for message, _ in missed)


def test_more_than_a_page_of_missed_events_is_found(fake: StripeFake) -> None:
    started = start(make_attempt())
    for _ in range(130):
        fake.decline(started.transaction_id)
    since, later = clock.now() - dt.timedelta(hours=1), clock.now() + dt.timedelta(seconds=60)
    assert len(list(GATEWAY.missed_messages(since=since, now=later))) == 130
