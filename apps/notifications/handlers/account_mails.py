"""Mails that keep accounts safe: they are always sent. Links are made here, from the account as it is now."""

import datetime as dt

from django.db.models import QuerySet

from apps.accounts.events import (
    AccountEvent,
    AccountRegistered,
    EmailVerificationRequested,
    LinkRequested,
    PasswordChanged,
    PasswordResetRequested,
    RefreshTokenReused,
)
from apps.accounts.models import User
from apps.accounts.one_time_links import lifetime, make_link
from apps.accounts.states import LinkPurpose
from apps.notifications.services.mailing import Letter, send_once
from apps.orders.services.claiming import has_guest_orders
from core import clock
from core.events.registry import Envelope, handles


@handles(AccountRegistered, name="notifications.welcome", queue="mail")
def mail_welcome(event: AccountRegistered, envelope: Envelope) -> None:
    """Welcome somebody, and let them prove that the address is theirs."""
    _mail_link("welcome", LinkPurpose.VERIFY_EMAIL, event, envelope)


@handles(EmailVerificationRequested, name="notifications.verify_email", queue="mail")
def mail_verify_email(event: EmailVerificationRequested, envelope: Envelope) -> None:
    """Send the link to whoever has something to prove: that the address is theirs, or that its orders are."""
    if _open_accounts(event).exclude(email_verified_at=None).exists() and not has_guest_orders(email=event.email):
        return
    _mail_link("verify_email", LinkPurpose.VERIFY_EMAIL, event, envelope)


@handles(PasswordResetRequested, name="notifications.password_reset", queue="mail")
def mail_password_reset(event: PasswordResetRequested, envelope: Envelope) -> None:
    """Send the link that sets a new password, if the address has an account."""
    _mail_link("password_reset", LinkPurpose.RESET_PASSWORD, event, envelope)


@handles(PasswordChanged, name="notifications.password_changed", queue="mail")
def mail_password_changed(event: PasswordChanged, envelope: Envelope) -> None:
    """Tell the owner of an account that its password is another one now."""
    _mail("password_changed", event.email, event.language, envelope)


@handles(RefreshTokenReused, name="notifications.sign_in_ended", queue="mail")
def mail_sign_in_ended(event: RefreshTokenReused, envelope: Envelope) -> None:
    """Tell the owner of an account that one of its keys was used twice."""
    letter = Letter(
        kind="sign_in_ended",
        event_id=envelope.event_id,
        recipient=event.email,
        language="",
        context={"ip_address": event.ip_address or ""},
        reference=event.user_id,
    )
    send_once(letter=letter)


def _mail_link(template: str, purpose: LinkPurpose, event: AccountEvent | LinkRequested, envelope: Envelope) -> None:
    """Send a link dated by its event: the same mail, sent again, holds the same link. One that is over is not sent."""
    issued_at = dt.datetime.fromisoformat(envelope.occurred_at)
    user = _open_accounts(event).first()
    if user is None or clock.now() >= issued_at + lifetime(purpose):
        return
    link = make_link(user=user, purpose=purpose, issued_at=issued_at)
    hours, minutes = divmod(int(lifetime(purpose).total_seconds()) // 60, 60)
    context = {"link": link, "name": user.first_name, "hours": hours, "minutes": minutes}
    _mail(template, user.email, event.language, envelope, **context)


def _open_accounts(event: AccountEvent | LinkRequested) -> QuerySet[User]:
    return User.objects.filter(email=event.email, is_active=True)


def _mail(template: str, recipient: str, language: str, envelope: Envelope, **context: object) -> None:
    letter = Letter(kind=template, event_id=envelope.event_id, recipient=recipient, language=language, context=context)
    send_once(letter=letter)
