"""A provider's message is proven, stored and applied once; a forged, stale or lying one changes nothing."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client

from apps.orders.models import Order
from apps.payments.models import Payment, WebhookEvent
from apps.payments.services.inbox import apply_waiting_messages
from apps.payments.states import EntryKind
from core import clock
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, message, money_of, pay, signed
from tests.apps.payments.senders import Sender, by_stripe

pytestmark = pytest.mark.django_db
PATH = "/api/v1/payments/webhook/simulated/"


def send(body: bytes, headers: dict[str, str] | None = None, path: str = PATH) -> HttpResponse:
    named = signed(body) if headers is None else headers
    return Client().post(path, body, content_type="application/json", headers=named)  # type: ignore[return-value]


@pytest.fixture
def order() -> Order:
    return make_order()


@pytest.fixture
def payment(order: Order) -> Payment:
    return pay(order, "pm_sim_requires_action")


@pytest.mark.parametrize("path", [PATH, "/api/payments/webhook/simulated/", "/api/v1/payments/webhook/"])
def test_a_proven_capture_pays_the_order(order: Order, payment: Payment, path: str) -> None:
    response = send(message(payment, EntryKind.CAPTURED), path=path)
    assert (response.status_code, response.json()) == (200, {"status": "processed"})
    assert money_of(order) == ("confirmed", "paid")
    event = WebhookEvent.objects.get()
    assert (event.state, event.payment_id, event.event_id) == ("processed", payment.pk, "evt_1")
    assert bytes(event.body) == message(payment, EntryKind.CAPTURED)


def test_a_repeat_is_answered_and_has_no_further_effect(payment: Payment) -> None:
    body = message(payment, EntryKind.CAPTURED)
    send(body)
    before = everything()
    for _ in range(5):
        assert send(body, signed(body, at=clock.now() + dt.timedelta(seconds=60))).json() == {"status": "processed"}
    assert everything() == before


def test_one_charge_told_in_two_messages_is_one_charge(order: Order, payment: Payment) -> None:
    assert send(message(payment, EntryKind.CAPTURED, "evt_1")).status_code == 200
    assert send(message(payment, EntryKind.CAPTURED, "evt_2")).status_code == 200
    payment.refresh_from_db()
    assert (payment.captured_amount, WebhookEvent.objects.count()) == (order.total_amount, 2)


def test_messages_out_of_order_end_in_the_same_state(order: Order, payment: Payment) -> None:
    for number, kind in enumerate((EntryKind.CAPTURED, EntryKind.FAILED, EntryKind.PROCESSING)):
        assert send(message(payment, kind, f"evt_{number}")).json() == {"status": "processed"}
    assert money_of(order) == ("confirmed", "paid")


def test_the_failure_code_is_taken_over(order: Order, payment: Payment) -> None:
    send(message(payment, EntryKind.FAILED, code="insufficient_funds"))
    payment.refresh_from_db()
    assert (payment.status, payment.failure_code) == ("failed", "insufficient_funds")
    assert money_of(order) == ("pending", "failed")


def test_a_type_of_no_interest_is_stored_and_ignored(order: Order, payment: Payment) -> None:
    for number, type_name in enumerate(("customer.created", "payment.unheard_of")):
        body = message(payment, EntryKind.CAPTURED, f"evt_{number}", type=type_name)
        assert send(body).json() == {"status": "ignored"}
    assert money_of(order) == ("pending", "pending")
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"ignored"}


def test_a_known_event_id_with_another_body_is_kept_in_quarantine(order: Order, payment: Payment) -> None:
    send(message(payment, EntryKind.PROCESSING, "evt_1"))
    other = message(payment, EntryKind.CAPTURED, "evt_1")
    assert send(other).json() == {"status": "quarantined"}
    assert send(other).json() == {"status": "quarantined"}
    assert money_of(order) == ("pending", "pending")
    kept = WebhookEvent.objects.exclude(event_id="evt_1").get()
    assert (kept.state, kept.reason, bytes(kept.body)) == (
        "quarantined",
        "known event id with another body",
        other,
    )
    assert WebhookEvent.objects.get(event_id="evt_1").state == "processed"


Lie = Callable[[Payment], dict[str, Any]]
LIES: dict[str, tuple[Lie, str]] = {
    "less": (lambda p: {"amount": "19.99"}, "The provider captured another amount than the payment's."),
    "more": (lambda p: {"amount": "20.01"}, "The provider captured another amount than the payment's."),
    "nothing": (lambda p: {"amount": "0.00"}, "The provider captured another amount than the payment's."),
    "minor units": (lambda p: {"amount": "2000"}, "The provider captured another amount than the payment's."),
    "currency": (lambda p: {"currency": "EUR"}, "The provider told EUR, the payment is in USD."),
    "unknown transaction": (lambda p: {"transaction_id": "sim_AAAA"}, "unknown payment"),
    "another provider's": (lambda p: {"transaction_id": "pi_3Nabc"}, "unknown payment"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_proven_lie_is_quarantined_with_its_reason(order: Order, payment: Payment, name: str) -> None:
    lie, reason = LIES[name]
    body = message(payment, EntryKind.CAPTURED, **lie(payment))
    response = send(body)
    assert (response.status_code, response.json()) == (200, {"status": "quarantined"})
    assert send(body).status_code == 200
    assert money_of(order) == ("pending", "pending")
    event = WebhookEvent.objects.get()
    assert (event.state, event.reason) == ("quarantined", reason)


def test_a_transaction_on_record_is_known_under_a_new_key_too(
    order: Order, payment: Payment, settings: LazySettings
) -> None:
    body = message(payment, EntryKind.CAPTURED)
    again = message(payment, EntryKind.CAPTURED, "evt_2")
    assert send(body).json() == {"status": "processed"}
    settings.SECRET_KEY = "the key after the next"
    assert send(again).json() == {"status": "processed"}
    payment.refresh_from_db()
    assert (payment.captured_amount, money_of(order)) == (order.total_amount, ("confirmed", "paid"))


def test_another_transaction_of_the_same_attempt_is_quarantined(order: Order, payment: Payment) -> None:
    body = message(payment, EntryKind.CAPTURED)
    Payment.objects.filter(pk=payment.pk).update(transaction_id="sim_the_one_we_were_told")
    assert send(body).json() == {"status": "quarantined"}
    assert money_of(order) == ("pending", "pending")


def test_a_message_that_overtakes_the_answer_to_the_start_is_applied(order: Order, payment: Payment) -> None:
    body = message(payment, EntryKind.CAPTURED)
    Payment.objects.filter(pk=payment.pk).update(transaction_id="")
    assert send(body).json() == {"status": "processed"}
    assert money_of(order) == ("confirmed", "paid")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b"not json",
        b'{"id": "evt_1"}',
        b'{"id": 7, "type": "payment.captured", "transaction_id": "x", "amount": "1", "currency": "USD"}',
        b'{"id": "", "type": "payment.captured", "transaction_id": "x", "amount": "1", "currency": "USD"}',
        b'{"id": "a b", "type": "payment.captured", "transaction_id": "x", "amount": "1", "currency": "USD"}',
        b'{"id": "e", "type": 7, "transaction_id": "x", "amount": "1", "currency": "USD"}',
        b'{"id": "e", "type": "payment.captured", "transaction_id": "x", "amount": 1.5, "currency": "USD"}',
        b'{"id": "e", "type": "payment.captured", "transaction_id": "x", "amount": "-1", "currency": "USD"}',
        b'{"id": "e", "type": "payment.captured", "transaction_id": "x", "amount": "1e9", "currency": "USD"}',
        b'{"id": "e", "type": "payment.captured", "transaction_id": "x", "amount": "NaN", "currency": "USD"}',
        b'{"id": "e", "type": "payment.captured", "transaction_id": "x", "amount": "1", "currency": "usd"}',
        b'{"id": "e\\u0000", "type": "payment.captured", "transaction_id": "x", "amount": "1", "currency": "USD"}',
        b'{"id": "e", "type": "payment.captured", "transaction_id": "x", "amount": "1", "currency": "USD", '
        b'"created": 1e300}',
    ],
)
def test_a_proven_message_that_cannot_be_read_is_refused(body: bytes) -> None:
    before = everything()
    assert send(body).status_code == 400
    assert everything() == before


def test_two_secrets_are_good_while_one_takes_over(order: Order, payment: Payment, settings: LazySettings) -> None:
    settings.SIMULATED_WEBHOOK_SECRET = "whsec_new, whsec_old"
    for number, secret in enumerate(("whsec_old", "whsec_new")):
        body = message(payment, EntryKind.PROCESSING, f"evt_{number}")
        assert send(body, signed(body, secret=secret)).status_code == 200


@pytest.mark.parametrize("provider", ["nobody", "cod", "paypal"])
def test_a_provider_that_sends_no_webhooks_has_no_address(payment: Payment, provider: str) -> None:
    body = message(payment, EntryKind.CAPTURED)
    assert send(body, path=f"/api/v1/payments/webhook/{provider}/").status_code == 404


# --- A message that has to be asked about ------------------------------------------------------------
@pytest.fixture
def told_of_a_refund(settings: LazySettings) -> Iterator[tuple[Sender, bytes]]:
    """A payment by Stripe that was refunded in part at the dashboard, and the event that does not say by how much."""
    with by_stripe(settings) as sender:
        assert sender.send().json() == {"status": "processed"}
        sender.fake.refund_at_dashboard(sender.payment.transaction_id, 500)
        (event,) = sender.fake.events_of(sender.payment.transaction_id, "charge.refunded")
        yield sender, sender.fake.signed(event)[0]


def waiting() -> WebhookEvent:
    return WebhookEvent.objects.get(state="received")


def test_while_the_provider_is_away_a_message_waits_longer_and_longer(told_of_a_refund: tuple[Sender, bytes]) -> None:
    sender, body = told_of_a_refund
    sender.fake.dead()
    assert sender.send(body).json() == {"status": "received"}
    before = money_of(sender.order), ledger(sender.payment)
    came = waiting().received_at
    assert (waiting().due_at, waiting().processed_at) == (came + dt.timedelta(seconds=5), None)
    assert apply_waiting_messages(now=came + dt.timedelta(seconds=4)) == 0
    assert waiting().due_at == came + dt.timedelta(seconds=5), "and was not tried"

    for after, pause in ((5, 5), (40, 10), (3_600, 900), (86_400, 3_600), (30 * 86_400, 3_600)):
        assert apply_waiting_messages(now=came + dt.timedelta(seconds=after)) == 0
        assert waiting().due_at == came + dt.timedelta(seconds=after + pause)
    assert (money_of(sender.order), ledger(sender.payment)) == before

    sender.fake.alive()
    assert apply_waiting_messages(now=waiting().due_at) == 1
    assert apply_waiting_messages(now=came + dt.timedelta(days=60)) == 0
    assert ledger(sender.payment) == [("captured", "20.00"), ("refunded", "5.00")]
    assert money_of(sender.order) == ("confirmed", "partially_refunded")
    assert set(WebhookEvent.objects.values_list("state", "reason", "due_at")) == {("processed", "", None)}


def test_a_repeat_of_a_message_that_waits_asks_nobody_and_changes_nothing(
    told_of_a_refund: tuple[Sender, bytes],
) -> None:
    sender, body = told_of_a_refund
    sender.fake.dead()
    sender.send(body)
    before, calls = everything(), sender.calls()
    for _ in range(3):
        assert sender.send(body).status_code == 200
    assert (everything(), sender.calls()) == (before, calls)


def test_two_workers_ask_about_one_message_once(told_of_a_refund: tuple[Sender, bytes]) -> None:
    sender, body = told_of_a_refund
    sender.fake.dead()
    sender.send(body)
    sender.fake.alive()
    due, seen = waiting().due_at, [waiting(), waiting()]
    with patch("apps.payments.services.inbox.messages_to_apply", lambda **_: seen):
        assert apply_waiting_messages(now=due) == 1
    assert ledger(sender.payment) == [("captured", "20.00"), ("refunded", "5.00")]


@pytest.mark.parametrize(
    "text",
    [
        '{ "id" : "evt_1",\r\n\t"type": "customer.created", "transaction_id": "x", "amount":"1","currency":"USD"}\n\n',
        '{"id":"evt_1","type":"customer.created","transaction_id":"x","amount":"1","currency":"USD","é":"\u200b\\u00e9"}',
    ],
)
def test_the_body_is_kept_byte_for_byte(text: str, payment: Payment) -> None:
    body = text.encode()
    assert send(body).status_code == 200
    assert bytes(WebhookEvent.objects.get().body) == body
    assert WebhookEvent.objects.get().digest == hashlib.sha256(body).hexdigest()
