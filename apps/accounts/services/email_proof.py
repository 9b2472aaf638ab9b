"""Proving that an address is one's own."""

import datetime as dt

from apps.accounts.errors import InvalidLink
from apps.accounts.events import EmailVerificationRequested, EmailVerified
from apps.accounts.models import User
from apps.accounts.selectors import normalize_identifier
from apps.accounts.services.links import open_link
from apps.accounts.services.validation import is_address
from apps.accounts.states import LinkPurpose
from core.events.publishing import publish
from core.transactions import atomic


def request_verification(*, email: str, language: str = "") -> None:
    """The address is sent a link if it belongs to an open account that has something to prove. One statement.

    Whether it does is found out by the handler of EmailVerificationRequested: what the caller sees, and how long it
    takes, is the same for every address. Text that is no address is passed over: events tell it to others.
    """
    address = normalize_identifier(email)
    if is_address(address):
        with atomic():
            publish(EmailVerificationRequested(email=address, language=language))


def verify_email(*, token: str, signed_in: User | None, language: str = "", now: dt.datetime) -> User:
    """The address of the token's account is proven; return the account.

    Publishes EmailVerified, with `is_account_proven` if `signed_in` is that account. Raises InvalidLink, also when
    somebody else is signed in. Of many who use one link at once, one comes through (the write asks for the state that
    the link was made for).
    """
    user = open_link(token=token, purpose=LinkPurpose.VERIFY_EMAIL, now=now)
    if signed_in is not None and signed_in.pk != user.pk:
        raise InvalidLink
    with atomic():
        _mark_verified(user, now)
        publish(
            EmailVerified(
                user_id=str(user.pk), email=user.email, language=language, is_account_proven=signed_in is not None
            )
        )
    return user


def _mark_verified(user: User, now: dt.datetime) -> None:
    unchanged = User.objects.filter(
        pk=user.pk,
        is_active=True,
        email=user.email,
        password=user.password,
        token_version=user.token_version,
        email_verified_at=user.email_verified_at,
    )
    if not unchanged.update(email_verified_at=now):
        raise InvalidLink
    user.email_verified_at = now
