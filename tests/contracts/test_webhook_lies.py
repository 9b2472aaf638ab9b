"""Promise 23: a message that is proven and does not fit changes no money; it is kept, with the reason, for a person."""

import copy
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.orders.models import Order
from apps.payments.models import Payment, PaymentEntry, WebhookEvent
from apps.payments.services.replays import apply_again
from apps.payments.states import EntryKind
from apps.support.models import Escalation
from core import clock
from tests.apps.orders.making import make_order
from tests.apps.payments import paying
from tests.apps.payments.paying import ledger, money_of, pay
from tests.apps.payments.senders import Sender, by_sslcommerz, by_stripe, simulated
from tests.apps.payments.sslcommerz.messages import encode
from tests.apps.payments.sslcommerz.messages import sign as sign_form
from tests.apps.payments.sslcommerz.provider import SECRET as STORE_PASSWORD
from tests.apps.payments.sslcommerz.provider import fields_of
from tests.factories import PASSWORD, make_admin

pytestmark = pytest.mark.django_db
Lie = Callable[[Sender], bytes]
OTHER_AMOUNT = "The provider captured another amount than the payment's."


@pytest.fixture
def stripe(settings: Any) -> Iterator[Sender]:
    with by_stripe(settings) as sender:
        yield sender


@pytest.fixture
def sslcommerz(settings: Any) -> Iterator[Sender]:
    with by_sslcommerz(settings) as sender:
        yield sender


def the_event(sender: Sender, kind: str = "payment_intent.succeeded") -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(sender.fake.events_of(sender.payment.transaction_id, kind)[0])
    return found


def lying(_outer: dict[str, Any] | None = None, **members: Any) -> Lie:
    """The event that pays the order, with other members of its payment intent (or of itself)."""

    def write(sender: Sender) -> bytes:
        event = the_event(sender)
        event["data"]["object"] |= members
        body: bytes = sender.fake.signed(event | (_outer or {}))[0]
        return body

    return write


def of_another_order(sender: Sender) -> bytes:
    """Our intent, and the attempt of somebody else's order."""
    other = pay(make_order(), provider="stripe")
    return lying(metadata={"attempt_id": str(other.pk)})(sender)


def refund_of(amount: int) -> Lie:
    def write(sender: Sender) -> bytes:
        sender.fake.refund_at_dashboard(sender.payment.transaction_id, 500)
        event = the_event(sender, "refund.created")
        event["data"]["object"]["amount"] = amount
        body: bytes = sender.fake.signed(event)[0]
        return body

    return write


STRIPE_LIES: dict[str, tuple[Lie, str]] = {
    "a cent less": (lying(amount_received=1999), OTHER_AMOUNT),
    "a cent more": (lying(amount_received=2001), OTHER_AMOUNT),
    "nothing": (lying(amount_received=0), OTHER_AMOUNT),
    "whole units for cents": (lying(amount_received=20), OTHER_AMOUNT),
    "another currency": (lying(currency="eur"), "The provider told EUR, the payment is in USD."),
    "a currency without cents": (lying(currency="jpy"), "The provider told JPY, the payment is in USD."),
    "another order's attempt": (of_another_order, "the payment has another transaction"),
    "another transaction": (lying(id="pi_another"), "the payment has another transaction"),
    "an attempt of nobody": (lying(metadata={"attempt_id": "0" * 32}), "unknown payment"),
    "a transaction of nobody": (lying(id="pi_another", metadata={}), "unknown payment"),
    "live mode for a test key": (lying({"livemode": True}), "live-mode event"),
    "more refunded than paid": (refund_of(2001), "The provider refunded more than was paid."),
    "nothing refunded": (refund_of(0), "The provider moved no money at all."),
}


def quarantined() -> list[tuple[str, str]]:
    return [(str(event.state), event.reason) for event in WebhookEvent.objects.order_by("received_at")]


def cases() -> list[tuple[str, str, str]]:
    """Return (kind, status, whether the reason is told) of each escalation."""
    return list(Escalation.objects.order_by("created_at").values_list("kind", "status", "detail"))


def assert_kept_and_told(sender: Sender, body: bytes, reason: str, caplog: Any, **headers: Any) -> None:
    """However often the lie comes, there is one row with the reason and the raw body, one case, and no money."""
    before = (money_of(sender.order), ledger(sender.payment))
    entries = PaymentEntry.objects.count()
    with caplog.at_level(logging.ERROR, "shop.payments"):
        for _ in range(3):
            response = sender.send(body, **headers)
            assert response.status_code == 200
    assert quarantined() == [("quarantined", reason)]
    event = WebhookEvent.objects.get()
    assert bytes(event.body) == body
    ((kind, status, detail),) = cases()
    assert (kind, status, reason in detail) == ("payment_mismatch", "open", True)
    assert next(record.reason for record in caplog.records if record.message == "webhook in quarantine") == reason
    assert (money_of(sender.order), ledger(sender.payment), PaymentEntry.objects.count()) == (*before, entries)


@pytest.mark.parametrize("name", STRIPE_LIES)
def test_a_proven_lie_of_stripes_is_kept_with_its_reason(stripe: Sender, name: str, caplog: Any) -> None:
    lie, reason = STRIPE_LIES[name]
    assert_kept_and_told(stripe, lie(stripe), reason, caplog)


def test_play_money_under_a_live_key_is_no_money(stripe: Sender, settings: Any, caplog: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_live_canary"
    assert_kept_and_told(stripe, stripe.body, "test-mode event", caplog)


def test_a_known_id_with_another_content_is_kept_beside_the_first(stripe: Sender) -> None:
    assert stripe.send().json() == {"status": "processed"}
    paid = (money_of(stripe.order), ledger(stripe.payment))
    other = lying(amount_received=1)(stripe)
    for _ in range(2):
        assert stripe.send(other).json() == {"status": "quarantined"}
    assert quarantined() == [("processed", ""), ("quarantined", "known event id with another body")]
    assert [bytes(event.body) for event in WebhookEvent.objects.order_by("received_at")] == [stripe.body, other]
    assert (money_of(stripe.order), ledger(stripe.payment)) == paid
    assert len(cases()) == 1


def the_notice(**changes: str) -> Lie:
    """The notice of a payment with other fields, signed by the store."""
    return lambda sender: encode(sign_form(fields_of(sender.body) | changes, password=STORE_PASSWORD))


def the_provider_says(**changes: str) -> Lie:
    """The notice and the provider that is asked about it agree on another sum."""

    def write(sender: Sender) -> bytes:
        sender.fake.lie_about(sender.payment.transaction_id, **changes)
        body: bytes = sender.fake.ipn(sender.payment.transaction_id, **changes)[0]
        return body

    return write


def the_try_of_another_order(sender: Sender) -> bytes:
    other = pay(make_order(), provider="sslcommerz")
    sender.fake.pay(other.transaction_id)
    return the_notice(val_id=sender.fake.session_of(other.transaction_id).val_id)(sender)


CONTRADICTED = "notice_contradicts_provider"
SSLCOMMERZ_LIES: dict[str, tuple[Lie, str]] = {
    "off by 0.01": (the_notice(currency_amount="20.01"), CONTRADICTED),
    "less by 0.01": (the_notice(currency_amount="19.99"), CONTRADICTED),
    "another currency": (the_notice(currency_type="EUR"), CONTRADICTED),
    "off by 0.01, and the provider agrees": (the_provider_says(currency_amount="20.01"), OTHER_AMOUNT),
    "less by 0.01, and the provider agrees": (the_provider_says(currency_amount="19.99"), OTHER_AMOUNT),
    "another currency, and the provider agrees": (
        the_provider_says(currency_type="GBP"), "The provider told GBP, the payment is in USD.",
    ),
    "a try of nobody": (the_notice(val_id="nobody-knows-this"), "unknown_to_provider"),
    "the try of another order": (the_try_of_another_order, "other_transaction"),
    "an attempt of nobody": (the_notice(tran_id="0" * 26), "unknown payment"),
    "another store": (the_notice(store_id="another"), "a message about another store"),
}  # fmt: skip


@pytest.mark.parametrize("name", SSLCOMMERZ_LIES)
def test_a_proven_lie_of_sslcommerzs_is_kept_with_its_reason(sslcommerz: Sender, name: str, caplog: Any) -> None:
    lie, reason = SSLCOMMERZ_LIES[name]
    assert_kept_and_told(sslcommerz, lie(sslcommerz), reason, caplog)


SIMULATED_LIES: dict[str, tuple[dict[str, str], str]] = {
    "a cent less": ({"amount": "19.99"}, OTHER_AMOUNT),
    "another currency": ({"currency": "EUR"}, "The provider told EUR, the payment is in USD."),
    "a transaction of nobody": ({"transaction_id": "sim_AAAA"}, "unknown payment"),
}


@pytest.mark.parametrize("name", SIMULATED_LIES)
def test_a_proven_lie_of_the_simulated_provider_is_kept_with_its_reason(settings: Any, name: str, caplog: Any) -> None:
    members, reason = SIMULATED_LIES[name]
    with simulated(settings) as sender:
        body = paying.message(sender.payment, EntryKind.CAPTURED, **members)
        assert_kept_and_told(sender, body, reason, caplog)


# --- What a person does about it -------------------------------------------------------------------------
def test_an_admin_reads_the_message_and_why_nothing_came_of_it(stripe: Sender) -> None:
    stripe.send(lying(amount_received=1999)(stripe))
    event = WebhookEvent.objects.get()
    client = Client()
    assert client.login(username=make_admin().email, password=PASSWORD)
    page = client.get(f"/admin/payments/webhookevent/{event.pk}/change/").content.decode()
    assert "another amount than the payment" in page
    assert "amount_received" in page
    assert the_event(stripe)["data"]["object"]["client_secret"] not in page


def test_a_message_about_a_payment_that_was_unknown_is_applied_once_when_it_is_known(stripe: Sender) -> None:
    """As when a message outruns the row it is about, and does not name the attempt."""
    payment = stripe.payment
    Payment.objects.update(transaction_id="")
    assert stripe.send(lying(metadata={})(stripe)).json() == {"status": "quarantined"}
    Payment.objects.update(transaction_id=payment.transaction_id)
    event = WebhookEvent.objects.get()
    for _ in range(3):
        event.refresh_from_db()
        assert apply_again(event=event, now=clock.now()) == "processed"
    assert money_of(stripe.order) == ("confirmed", "paid")
    assert ledger(payment) == [("captured", "20.00")]
    event.refresh_from_db()
    assert (event.state, event.reason, event.payment_id) == ("processed", "", payment.pk)
    assert [(kind, status) for kind, status, _ in cases()] == [("payment_mismatch", "resolved")]


def test_what_came_in_the_wrong_mode_is_applied_once_when_the_key_is_right(stripe: Sender, settings: Any) -> None:
    right, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_live_canary"
    stripe.send()
    event = WebhookEvent.objects.get()
    assert apply_again(event=event, now=clock.now()) == "quarantined"
    assert money_of(stripe.order) == ("pending", "pending")
    settings.STRIPE_SECRET_KEY = right
    event.refresh_from_db()
    assert apply_again(event=event, now=clock.now()) == "processed"
    assert ledger(stripe.payment) == [("captured", "20.00")]


def test_a_lie_stays_a_lie_however_often_it_is_applied(stripe: Sender) -> None:
    stripe.send(lying(amount_received=1999)(stripe))
    before = paying.everything()
    event = WebhookEvent.objects.get()
    for _ in range(3):
        event.refresh_from_db()
        assert apply_again(event=event, now=event.processed_at) == "quarantined"
    assert paying.everything() == before
    assert [(kind, status) for kind, status, _ in cases()] == [("payment_mismatch", "open")]
    assert Order.objects.get().payment_status == "pending"
