"""New passwords: what is refused, who may set one, and what a change ends."""

import datetime as dt
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import F

from apps.accounts.errors import InvalidAccount, InvalidLink
from apps.accounts.events import EmailVerified, PasswordChanged, PasswordResetRequested
from apps.accounts.models import User
from apps.accounts.selectors import load_user, normalize_identifier
from apps.accounts.services.links import open_link
from apps.accounts.services.tokens import ClientInfo, TokenPair, end_all_sessions, start_session
from apps.accounts.services.validation import is_address
from apps.accounts.states import LinkPurpose, RevokedReason
from core.errors import FieldError
from core.events.publishing import publish
from core.transactions import atomic

WRONG_PASSWORD = FieldError("current_password", "password_incorrect", "This is not the account's password.")


def change_password(*, user: User, password: str, now: dt.datetime) -> None:
    """Set a new password. Every sign-in of the account ends at once, on all devices. Publishes PasswordChanged.

    Raises InvalidAccount when the password is too weak or too long.
    """
    _require_good(password, user)
    user.set_password(password)
    with atomic():
        user.save(update_fields=["password"])
        _end_the_old(user, "", now)


def change_own_password(
    *,
    user: User,
    current_password: str,
    password: str,
    client: ClientInfo,
    language: str = "",
    now: dt.datetime,
    admit: Callable[[str], None] = lambda attempt: None,
) -> TokenPair:
    """Set a new password for somebody who knows the old one; return the tokens of a new sign-in on this device.

    Every other sign-in has ended. Publishes PasswordChanged. `admit` is called before the current password is looked
    at, and may raise to refuse the attempt. Raises InvalidAccount for a wrong current password and a weak new one; of
    two changes at once, the second finds the current password wrong.
    """
    user = load_user(user.pk)
    admit(f"account:{user.pk}:signed-in")  # counted apart: it locks nobody out of signing in
    if not user.check_password(current_password):
        raise InvalidAccount(errors=(WRONG_PASSWORD,))
    _require_good(password, user)
    with atomic():
        if not _replace_password(user, password):
            raise InvalidAccount(errors=(WRONG_PASSWORD,))
        _end_the_old(user, language, now)
        return start_session(user=user, client=client, now=now)


def request_password_reset(*, email: str, language: str = "") -> None:
    """The address is sent a link if it belongs to an open account. One statement.

    Whether it does is found out by the handler of PasswordResetRequested: what the caller sees, and how long it takes,
    is the same for every address. Text that is no address is passed over: events tell it to others.
    """
    address = normalize_identifier(email)
    if is_address(address):
        with atomic():
            publish(PasswordResetRequested(email=address, language=language))


def reset_password(*, token: str, password: str, language: str = "", now: dt.datetime) -> None:
    """The account of the token has this password, its address is proven and all its sign-ins have ended.

    Publishes PasswordChanged and EmailVerified: who reads the mail and now alone knows the password holds the account.
    Raises InvalidLink, also for all but one who use a link at once, and InvalidAccount for a weak password: then the
    link stays good.
    """
    user = open_link(token=token, purpose=LinkPurpose.RESET_PASSWORD, now=now)
    _require_good(password, user)
    with atomic():
        if not _replace_password(user, password, email_verified_at=user.email_verified_at or now):
            raise InvalidLink
        _end_the_old(user, language, now)
        publish(EmailVerified(user_id=str(user.pk), email=user.email, language=language, is_account_proven=True))


def password_errors(password: str, *, user: User) -> tuple[FieldError, ...]:
    """Return what is wrong with a new password for this (perhaps unsaved) account; empty if it may be used."""
    longest = settings.PASSWORD_MAX_LENGTH
    if len(password) > longest:
        return (FieldError("password", "password_too_long", f"The password has more than {longest} characters."),)
    if "\x00" in password:
        return (FieldError("password", "invalid", "The password contains a null character."),)
    try:
        validate_password(password, user)
    except ValidationError as error:
        return tuple(FieldError("password", str(e.code), " ".join(e.messages)) for e in error.error_list)
    return ()


def _require_good(password: str, user: User) -> None:
    errors = password_errors(password, user=user)
    if errors:
        raise InvalidAccount(errors=errors)


def _replace_password(user: User, password: str, **changes: dt.datetime) -> bool:
    """Write the new password if the account is still as it was read; tell whether it was."""
    unchanged = User.objects.filter(
        pk=user.pk, is_active=True, email=user.email, password=user.password, token_version=user.token_version
    )
    user.set_password(password)
    written = unchanged.update(password=user.password, token_version=F("token_version") + 1, **changes)
    user.token_version += written
    return bool(written)


def _end_the_old(user: User, language: str, now: dt.datetime) -> None:
    end_all_sessions(user_id=user.pk, reason=RevokedReason.PASSWORD_CHANGED, now=now)
    publish(PasswordChanged(user_id=str(user.pk), email=user.email, language=language))
