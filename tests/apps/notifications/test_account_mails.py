"""Mails about accounts: a link that works, once, for whoever has an account; nothing for whoever has none."""

import datetime as dt
import re
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from apps.accounts.events import PasswordResetRequested
from apps.accounts.models import User
from apps.notifications.handlers.account_mails import mail_password_reset
from apps.notifications.models import SentEmail
from core import clock
from core.events.models import OutboxDelivery, OutboxEvent
from core.events.registry import Envelope
from core.events.worker import deliver_all_due
from tests.apps.orders.making import checkout, fill_cart, guest
from tests.factories import PASSWORD, access_token_of, default_variant, make_product, make_shipping, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "quite-another-staple"


def api(user: User | None = None) -> ApiClient:
    return ApiClient(Client(), access=access_token_of(user) if user else "", base="/api/v2/")


def ask(path: str, email: str, **headers: str) -> list[EmailMultiAlternatives]:
    """Ask for a link and return the mails that follow."""
    before = len(mail.outbox)
    assert api().post(path, {"email": email}, **headers).status_code == 202
    deliver_all_due()
    return mail.outbox[before:]  # type: ignore[return-value]


def token_in(message: EmailMultiAlternatives) -> str:
    found = re.search(r"#token=([\w-]+)\s", str(message.body))
    assert found is not None
    assert f"#token={found[1]}" in str(message.alternatives[0][0])
    return found[1]


def test_a_new_account_is_welcomed_with_a_link_that_proves_the_address(settings: LazySettings) -> None:
    settings.STOREFRONT_URL = "https://shop.example.com"
    body = {"email": "ada@example.com", "password": PASSWORD, "first_name": "Ada"}
    api().post("auth/register/", body, Accept_Language="de")
    deliver_all_due()
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["ada@example.com"], "Willkommen bei Demo Shop")
    assert "Guten Tag, Ada," in message.body
    assert "https://shop.example.com/account/verify-email#token=" in message.body
    assert api().post("auth/email/verify/", {"token": token_in(message)}).status_code == 204
    assert User.objects.get().email_verified_at is not None


def test_a_forgotten_password_is_set_anew_by_the_mailed_link(customer: User) -> None:
    (message,) = ask("auth/password/reset/", f"  {customer.email.upper()} ".strip())
    assert (message.to, message.subject) == ([customer.email], "Set a new password")
    body = {"token": token_in(message), "password": NEW_PASSWORD}
    assert api().post("auth/password/reset/confirm/", body).status_code == 204
    deliver_all_due()
    assert mail.outbox[-1].subject == "Your password was changed"
    assert api().post("auth/login/", {"email": customer.email, "password": NEW_PASSWORD}).status_code == 200
    assert api().post("auth/password/reset/confirm/", body).status_code == 400


@pytest.mark.parametrize("path", ["auth/password/reset/", "auth/email/verify/resend/"])
def test_an_address_without_an_open_account_gets_no_mail(path: str) -> None:
    make_user(email="closed@example.com", is_active=False)
    assert ask(path, "nobody@example.com") == []
    assert ask(path, "closed@example.com") == []
    assert SentEmail.objects.count() == 0
    assert set(OutboxDelivery.objects.values_list("state", flat=True)) <= {"done"}


@pytest.mark.parametrize("path", ["auth/password/reset/", "auth/email/verify/resend/"])
@pytest.mark.parametrize("text", ["x", "1_000", "ada@", "ada@example", "<b>a@example.com</b>", "a@example.com,b@c.de"])
def test_text_that_is_no_address_is_answered_alike_and_told_to_nobody(path: str, text: str) -> None:
    told = api().post(path, {"email": "nobody@example.com"})
    assert OutboxEvent.objects.count() == 1
    answer = api().post(path, {"email": text})
    assert (answer.status_code, answer.json()) == (202, told.json())
    assert OutboxEvent.objects.count() == 1


def test_a_link_that_proves_an_address_is_sent_while_there_is_something_to_prove() -> None:
    user = make_user(email="ada@example.com")
    (message,) = ask("auth/email/verify/resend/", user.email)
    assert api(user).post("auth/email/verify/", {"token": token_in(message)}).status_code == 204
    deliver_all_due()
    assert ask("auth/email/verify/resend/", user.email) == []
    make_shipping()
    checkout(None, fill_cart(guest()[0], (default_variant(make_product()), 1)), email=user.email)
    sent = [message for message in ask("auth/email/verify/resend/", user.email) if "#token=" in message.body]
    assert len(sent) == 1


def test_the_same_mail_sent_again_holds_the_same_link_and_message_id(customer: User) -> None:
    api().post("auth/password/reset/", {"email": customer.email})
    row = OutboxEvent.objects.get()
    event = PasswordResetRequested(**row.payload)
    envelope = Envelope(str(row.pk), "notifications.password_reset", row.occurred_at.isoformat(), "", 1)
    died_after_the_servers_word = patch.object(SentEmail.objects, "bulk_create", side_effect=KeyboardInterrupt)
    with died_after_the_servers_word, pytest.raises(KeyboardInterrupt):
        mail_password_reset(event, envelope)
    mail_password_reset(event, envelope)
    first, second = mail.outbox
    assert token_in(first) == token_in(second)  # type: ignore[arg-type]
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]


def test_a_link_that_would_come_too_late_is_not_sent(customer: User) -> None:
    api().post("auth/password/reset/", {"email": customer.email})
    OutboxEvent.objects.update(occurred_at=clock.now() - dt.timedelta(minutes=61))
    deliver_all_due()
    assert mail.outbox == []


def test_no_log_and_no_row_holds_the_link(customer: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    (message,) = ask("auth/password/reset/", customer.email)
    token = token_in(message)
    api().post("auth/password/reset/confirm/", {"token": token, "password": NEW_PASSWORD})
    rows = [*OutboxEvent.objects.values(), *OutboxDelivery.objects.values(), *SentEmail.objects.values()]
    assert token not in str(rows)
    assert token not in caplog.text
