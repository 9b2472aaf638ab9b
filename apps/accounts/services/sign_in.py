"""Signing in with a password."""

import datetime as dt
from collections.abc import Callable

from django.contrib.auth.hashers import make_password

from apps.accounts import selectors
from apps.accounts.errors import InvalidCredentials
from apps.accounts.models import User
from apps.accounts.services.tokens import ClientInfo, TokenPair, start_session
from core.ids import hash_token
from core.transactions import atomic

Admit = Callable[[str], None]


def sign_in(
    *, identifier: str, password: str, client: ClientInfo, now: dt.datetime, admit: Admit = lambda attempt: None
) -> TokenPair:
    """Begin a sign-in of the account with this e-mail address or username.

    `admit` is called with the account's key before the password is looked at, and may raise to refuse the attempt.
    Raises InvalidCredentials for an unknown name, a wrong password and a closed account alike, after the same work.
    """
    user, is_known_here = selectors.find_by_identifier(identifier, ip_address=client.ip_address)
    admit(_key(user, identifier, client.ip_address if is_known_here else None))
    if user is None or not _is_password_of(user, password):
        if user is None:
            make_password(password)  # the work an existing account would have cost
        raise InvalidCredentials
    with atomic():
        User.objects.filter(pk=user.pk).update(last_login=now)
        return start_session(user=user, client=client, now=now)


def attempt_key(*, identifier: str, ip_address: str | None) -> str:
    """Return what attempts to sign in are counted under: the account, whichever of its names is used. One statement.

    Where the account has signed in from this address before, its attempts are counted apart: strangers who use up the
    account's limit do not lock out its owner.
    """
    user, is_known_here = selectors.find_by_identifier(identifier, ip_address=ip_address)
    return _key(user, identifier, ip_address if is_known_here else None)


def _key(user: User | None, identifier: str, known_address: str | None) -> str:
    account = str(user.pk) if user else hash_token(selectors.normalize_identifier(identifier))
    return f"account:{account}:{known_address}" if known_address else f"account:{account}"


def _is_password_of(user: User, password: str) -> bool:
    return user.check_password(password) and user.is_active  # in this order: a closed account costs the same
