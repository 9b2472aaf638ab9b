"""Mails follow events, once, and hold what the reader needs and nothing a stranger could slip in."""

import datetime as dt
import email.policy
import smtplib
from email import message_from_bytes
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.test import Client

from apps.accounts.events import RefreshTokenReused
from apps.accounts.models import User
from apps.notifications.handlers import mail_order_confirmation
from apps.notifications.models import SentEmail
from apps.notifications.services.mailing import Letter, send_once
from apps.notifications.services.message_ids import message_id
from apps.notifications.services.rendering import one_line, render
from apps.orders.events import OrderPlaced
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.payments.services.inquiries import ask_provider
from apps.support.services.escalations import open_escalation
from apps.support.states import EscalationKind
from core import clock
from core.events.models import OutboxDelivery, OutboxEvent
from core.events.publishing import publish
from core.events.registry import Envelope
from core.events.worker import deliver_all_due
from core.money import format_amount
from tests.apps.orders.making import force_move, make_order, make_order_in, pay
from tests.apps.payments.paying import pay as pay_by_provider
from tests.factories import default_variant, make_product, make_shipping, make_user

pytestmark = pytest.mark.django_db


def sent(kind: str) -> list[EmailMultiAlternatives]:
    """Return the mails of a kind, oldest first."""
    return [m for m in mail.outbox if m.extra_headers["Message-ID"].startswith(f"<{kind}.")]  # type: ignore[misc]


def html_of(message: EmailMultiAlternatives) -> str:
    return str(message.alternatives[0][0])


def placed(order: Order) -> tuple[OrderPlaced, Envelope]:
    row = OutboxEvent.objects.get(name=OrderPlaced.name, aggregate_id=str(order.pk))
    envelope = Envelope(
        event_id=str(row.pk), handler="h", occurred_at="", request_id="request-of-the-checkout", attempt=1
    )
    return OrderPlaced(**row.payload), envelope


def test_a_placed_order_is_confirmed_with_its_number_lines_and_total() -> None:
    make_shipping()
    shirt = default_variant(make_product(name="Linen shirt", price="12.50", variant={"sku": "LS-1"}))
    mug = default_variant(make_product(name="Mug", price="8.00"))
    order = make_order((shirt, 2), (mug, 1), email="ignored@example.com")
    deliver_all_due()
    (message,) = sent("order_confirmation")
    assert message.to == [order.user.email]  # type: ignore[union-attr]
    assert message.subject == f"Your order {order.order_number}"
    for text in (message.body, html_of(message)):
        for part in (order.order_number, "Linen shirt", "LS-1", "25.00 USD", "Mug", "8.00 USD", "38.00 USD", "Austin"):
            assert part in text
    assert "2 x Linen shirt (LS-1): 25.00 USD" in message.body
    assert "Total: 38.00 USD" in message.body
    assert "We are waiting for your payment." in message.body


def test_the_mail_is_sent_once_when_the_handler_runs_twice() -> None:
    order = make_order()
    event, envelope = placed(order)
    for _ in range(3):
        mail_order_confirmation(event, envelope)
    deliver_all_due()
    (message,) = sent("order_confirmation")
    name = message_id(kind="order_confirmation", event_id=envelope.event_id)
    assert message.extra_headers["Message-ID"] == name
    row = SentEmail.objects.get(kind="order_confirmation")
    assert (row.message_id, row.recipient, row.reference) == (name, order.email, order.order_number)


def test_a_copy_that_had_to_be_sent_again_has_the_same_message_id() -> None:
    event, envelope = placed(make_order())
    died_after_the_servers_word = patch.object(SentEmail.objects, "bulk_create", side_effect=KeyboardInterrupt)
    for _ in range(2):
        with died_after_the_servers_word, pytest.raises(KeyboardInterrupt):
            mail_order_confirmation(event, envelope)
    mail_order_confirmation(event, envelope)
    ids = [message.extra_headers["Message-ID"] for message in sent("order_confirmation")]
    assert (len(ids), len(set(ids))) == (3, 1)


def test_a_server_that_refuses_makes_the_worker_try_again(settings: LazySettings) -> None:
    make_order()
    with patch.object(EmailBackend, "send_messages", side_effect=smtplib.SMTPServerDisconnected):
        deliver_all_due()
    assert (mail.outbox, SentEmail.objects.count()) == ([], 0)
    waiting = OutboxDelivery.objects.get(handler="notifications.order_confirmation")
    assert (waiting.state, waiting.attempts) == ("pending", 1)
    deliver_all_due(now=clock.now() + (waiting.due_at - clock.now()) * 2)
    assert len(sent("order_confirmation")) == 1


def test_a_mail_that_nobody_accepted_is_not_on_record() -> None:
    event, envelope = placed(make_order())
    with patch.object(EmailBackend, "send_messages", return_value=0), pytest.raises(RuntimeError):
        mail_order_confirmation(event, envelope)
    assert SentEmail.objects.count() == 0


def test_the_request_that_caused_it_is_named_in_the_mail() -> None:
    order = make_order()
    OutboxEvent.objects.update(request_id="request-0001")
    deliver_all_due()
    assert sent("order_confirmation")[0].extra_headers["X-Request-ID"] == "request-0001"
    assert order.pk


@pytest.mark.parametrize(
    ("method", "status", "sentence"),
    [
        ("cod", None, "You pay when the goods are delivered."),
        ("simulated", None, "We are waiting for your payment."),
        ("simulated", "paid", "Your payment has arrived."),
    ],
)
def test_the_confirmation_says_how_it_is_paid(method: str, status: str | None, sentence: str) -> None:
    order = make_order(payment_method=method)
    if status:
        pay(order)
    deliver_all_due()
    (message,) = sent("order_confirmation")
    assert sentence in message.body
    assert sentence in html_of(message)


def test_a_shipped_order_is_announced_with_the_cash_to_have_ready(admin: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING, payment_method="cod")
    move_order(order_id=order.pk, to=OrderStatus.SHIPPED, actor=admin, now=clock.now())
    deliver_all_due()
    (message,) = sent("order_shipped")
    assert message.subject == f"Your order {order.order_number} is on its way"
    assert "Please have 20.00 USD ready for the courier." in message.body


def test_a_paid_order_that_ships_asks_for_no_cash() -> None:
    order = make_order()
    pay(order)
    for step in (OrderStatus.PROCESSING, OrderStatus.SHIPPED):
        order = force_move(order, step)
    deliver_all_due()
    (message,) = sent("order_shipped")
    assert "courier" not in message.body + html_of(message)


@pytest.mark.parametrize(
    ("reason", "paid", "there", "absent"),
    [
        ("", False, "is cancelled.", "on its way back"),
        ("expired", False, "was not paid in time", "on its way back"),
        ("", True, "What you paid is on its way back to you.", "not paid in time"),
    ],
)
def test_a_cancelled_order_is_told_with_what_becomes_of_the_money(
    reason: str, paid: bool, there: str, absent: str
) -> None:
    order = make_order()
    if paid:
        pay(order)
    cancel_order(order_id=order.pk, actor=None, reason=reason, now=clock.now())
    deliver_all_due()
    (message,) = sent("order_cancelled")
    assert message.subject == f"Your order {order.order_number} is cancelled"
    assert there in message.body
    assert absent not in message.body + html_of(message)


def test_the_seller_hears_once_that_a_variant_runs_low(settings: LazySettings) -> None:
    product = make_product(name="Mug", stock=6, variant={"sku": "MUG-1"})
    make_order((default_variant(product), 2))
    deliver_all_due()
    (message,) = sent("low_stock")
    assert (message.to, message.subject) == ([product.seller.email], "Running low: Mug")
    assert "4 units of Mug are left." in message.body
    assert "MUG-1" in message.body


def test_a_seller_whose_account_is_closed_is_not_told() -> None:
    product = make_product(stock=6)
    User.objects.filter(pk=product.seller_id).update(is_active=False)
    make_order((default_variant(product), 2))
    deliver_all_due()
    assert sent("low_stock") == []


def test_an_account_whose_key_was_used_twice_is_warned(customer: User) -> None:
    publish(
        RefreshTokenReused(user_id=str(customer.pk), session_id="s", email=customer.email, ip_address="203.0.113.7")
    )
    deliver_all_due()
    (message,) = sent("sign_in_ended")
    assert message.to == [customer.email]
    assert "203.0.113.7" in message.body


def test_what_customers_and_sellers_write_is_escaped_in_html() -> None:
    nasty = '<img src=x onerror=alert(1)> & "Co"'
    make_order((default_variant(make_product(name=nasty)), 1))
    deliver_all_due()
    (message,) = sent("order_confirmation")
    assert "<img" not in html_of(message)
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Co&quot;" in html_of(message)
    assert nasty in message.body


@pytest.mark.parametrize(
    "name", ["Mug\r\nBcc: victim@example.com", "Mug\nSubject: other", "Mug\x00\x85 tail", "M" * 500]
)
def test_a_name_adds_no_header_and_breaks_no_subject(name: str) -> None:
    order = make_order()
    letter = Letter(
        kind="low_stock",
        event_id=str(order.pk),
        recipient="seller@example.com",
        language="",
        context={"name": name, "sku": "", "available": 1, "threshold": 5},
    )
    assert send_once(letter=letter)
    parsed: Any = message_from_bytes(mail.outbox[0].message().as_bytes(), policy=email.policy.default)
    assert parsed["Bcc"] is None
    assert len(parsed.get_all("Subject")) == 1
    assert parsed["Subject"].startswith("Running low: M")
    assert len(parsed["Subject"]) <= 200


def test_one_line_keeps_every_script() -> None:
    assert one_line("  বাংলা \t قميص\n日本 \x07 ") == "বাংলা قميص 日本"


@pytest.mark.parametrize("language", ["en", "bn", "ar", "de", "fr", "es", "", "xx", "zz-top", "../../etc"])
@pytest.mark.parametrize(
    "kind",
    [
        "order_confirmation",
        "order_shipped",
        "order_cancelled",
        "low_stock",
        "sign_in_ended",
        "order_refunded",
        "order_revived",
        "operator_refund",
        "operator_escalation",
    ],
)
def test_every_mail_renders_in_every_language(kind: str, language: str) -> None:
    rendered = render(
        kind=kind, language=language, context={"name": "Mug", "available": 1, "threshold": 5, "order": {}}
    )
    assert rendered.subject
    assert rendered.text.endswith("\n")
    assert rendered.html.startswith("<!DOCTYPE html>")
    assert "{{" not in rendered.html + rendered.text


def test_a_mail_in_the_folder_is_what_was_meant(settings: LazySettings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    make_order((default_variant(make_product(name="قميص কাপড়")), 1))
    deliver_all_due()
    (path,) = tmp_path.glob("*.log")
    parsed: Any = message_from_bytes(path.read_bytes().split(b"-" * 79)[0], policy=email.policy.default)
    assert parsed.get_body(("plain",)).get_content().count("قميص কাপড়") == 1
    assert parsed.get_body(("html",)).get_content().count("قميص কাপড়") == 1
    assert parsed["Auto-Submitted"] == "auto-generated"


def test_sent_mail_is_shown_and_not_changed_in_the_back_office(admin: User) -> None:
    make_order(user=make_user(email="reader@example.com"))
    deliver_all_due()
    client = Client()
    client.force_login(admin)
    row = SentEmail.objects.get(kind="order_confirmation")
    page = client.get("/admin/notifications/sentemail/", {"q": "reader"})
    assert (page.status_code, "reader@example.com" in page.content.decode()) == (200, True)
    assert client.get(f"/admin/notifications/sentemail/{row.pk}/change/").status_code == 200
    assert client.post(f"/admin/notifications/sentemail/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    with pytest.raises(Exception, match="append-only"):
        SentEmail.objects.update(recipient="x@example.com")


def test_a_refund_is_told_to_the_customer_and_an_unasked_one_to_those_who_run_the_shop(settings: LazySettings) -> None:
    settings.OPERATOR_EMAILS = ["till@example.com", "desk@example.com"]
    order = make_order(payment_method="simulated")
    paid = pay_by_provider(order)
    cancel_order(order_id=order.pk, actor=None, reason="changed my mind", now=clock.now())
    for _ in range(2):
        deliver_all_due()
    (refunded,) = sent("order_refunded")
    amount = f"{format_amount(paid.amount, paid.currency)} USD"
    assert refunded.to == [order.email]
    assert refunded.subject == f"{amount} for order {order.order_number} is on its way back to you"
    told = sent("operator_refund")
    assert sorted(message.to[0] for message in told) == ["desk@example.com", "till@example.com"]
    assert len({message.extra_headers["Message-ID"] for message in told}) == 2
    assert f"/admin/payments/payment/{paid.pk}/change/" in told[0].body


def test_an_escalation_is_told_to_every_admin_when_nobody_else_is_named(admin: User) -> None:
    order = make_order()
    with transaction.atomic():
        open_escalation(
            kind=EscalationKind.DISPUTE,
            reference="dp_1",
            order=lock_order(order.pk),
            title="25.00 USD are disputed",
            holds_fulfilment=True,
            now=clock.now(),
        )
    deliver_all_due()
    (message,) = sent("operator_escalation")
    assert message.to == [admin.email]
    assert message.subject == f"Please decide: 25.00 USD are disputed ({order.order_number})"
    assert "The order stands still until you decide." in message.body


def test_a_customer_is_told_that_late_money_counts() -> None:
    order = make_order(payment_method="simulated")
    late = clock.now() + dt.timedelta(hours=1)
    pending = pay_by_provider(order, "pm_sim_settles_late")
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now())
    assert expire_unpaid_orders(now=late) == 1
    ask_provider(payment=pending, now=late)
    deliver_all_due()
    (message,) = sent("order_revived")
    assert message.subject == f"Your payment for order {order.order_number} has arrived"
    assert sent("order_cancelled") == []
