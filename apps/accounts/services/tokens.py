"""Sign-ins and their tokens: begun, exchanged, ended.

A sign-in (LoginSession) is a family of refresh tokens, of which at most one is unused. An exchange happens under the
row lock of the family, so however many arrive with one token at once, there is one successor and all get that one.
"""

import dataclasses
import datetime as dt
import ipaddress
import uuid
from typing import cast

from django.conf import settings
from django.db.models import QuerySet

from apps.accounts import locks, signing
from apps.accounts.errors import InvalidToken
from apps.accounts.events import RefreshTokenReused
from apps.accounts.models import LoginSession, RefreshToken, User
from apps.accounts.signing import Claims
from apps.accounts.states import RevokedReason, TokenKind
from core.events.publishing import publish
from core.ids import new_id
from core.transactions import atomic

USER_AGENT_MAX = 200


@dataclasses.dataclass(frozen=True, slots=True)
class ClientInfo:
    """What is known of the device that signs in; shown to the owner and the admin."""

    ip_address: str | None
    user_agent: str = ""

    @classmethod
    def from_text(cls, *, address: str, user_agent: str) -> "ClientInfo":
        """Return what can be kept of what a client says of itself: a well-formed address or none, printable text."""
        printable = "".join(sign for sign in user_agent if sign.isprintable())
        return cls(ip_address=_plain_address(address), user_agent=printable[:USER_AGENT_MAX])


@dataclasses.dataclass(frozen=True, slots=True)
class TokenPair:
    """A short-lived access token and the refresh token for the next pair, as text."""

    user: User
    access: str
    refresh: str


def start_session(*, user: User, client: ClientInfo, now: dt.datetime) -> TokenPair:
    """Begin a sign-in of the user and return its first tokens. Two statements."""
    with atomic():
        session = LoginSession.objects.create(
            user=user, created_at=now, ip_address=client.ip_address, user_agent=client.user_agent
        )
        token = _issue(session, new_id(), now)
    return _pair(session, token, now)


def rotate(*, refresh: str, now: dt.datetime) -> TokenPair:
    """Exchange a refresh token for a new pair; locks the sign-in's row.

    A repeat within settings.REFRESH_REUSE_GRACE_SECONDS gets the same successor again, as long as that is unused: the
    answer may have been lost on the way. Any later use means that two parties hold the token: the whole sign-in ends
    and RefreshTokenReused is published. Raises InvalidToken in that case and for every token that is not good.
    """
    claims = signing.signer().decode(refresh, kind=TokenKind.REFRESH, now=now)
    with atomic():
        pair = _rotate_locked(claims, now)
    if pair is None:  # raised after the commit: the end of a sign-in must outlive the refusal
        raise InvalidToken
    return pair


def sign_out(*, user: User, session_id: uuid.UUID, refresh: str, now: dt.datetime) -> None:
    """End the user's sign-in at once, and that of the refresh token if it is the user's too. One statement.

    A refresh token that is not good is passed over: whoever wants to leave, leaves.
    """
    ended = {session_id}
    try:
        claims = signing.signer().decode(refresh, kind=TokenKind.REFRESH, now=now)
        ended.add(claims.session_id)
    except InvalidToken:
        pass
    _end(LoginSession.objects.filter(pk__in=ended, user=user), RevokedReason.SIGNED_OUT, now)


def end_session(*, session_id: uuid.UUID, reason: RevokedReason, now: dt.datetime) -> None:
    """End one sign-in: its refresh and access tokens are refused from now on. Harmless the second time."""
    _end(LoginSession.objects.filter(pk=session_id), reason, now)


def end_all_sessions(*, user_id: uuid.UUID, reason: RevokedReason, now: dt.datetime) -> None:
    """End every sign-in of an account. Harmless the second time."""
    _end(LoginSession.objects.filter(user_id=user_id), reason, now)


def _plain_address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else str(address)  # the database knows no zones ("fe80::1%eth0")


def _rotate_locked(claims: Claims, now: dt.datetime) -> TokenPair | None:
    session = locks.lock_session(session_id=claims.session_id, user_id=claims.user_id)
    if session is None or not _is_alive(session, claims):
        return None
    token = RefreshToken.objects.select_related("successor").filter(pk=claims.token_id, session=session).first()
    if token is None:
        return None
    if token.used_at is None:
        return _pair(session, _exchange(token, session, now), now)
    if token.successor is not None and _is_repeat(token, token.successor, now):
        return _pair(session, token.successor, now)
    _end_stolen(session, now)
    return None


def _is_alive(session: LoginSession, claims: Claims) -> bool:
    user = session.user
    return session.revoked_at is None and user.is_active and user.token_version == claims.token_version


def _is_repeat(token: RefreshToken, successor: RefreshToken, now: dt.datetime) -> bool:
    grace = dt.timedelta(seconds=settings.REFRESH_REUSE_GRACE_SECONDS)
    return token.used_at is not None and now - token.used_at <= grace and successor.used_at is None


def _exchange(token: RefreshToken, session: LoginSession, now: dt.datetime) -> RefreshToken:
    # Used first, successor second: at no moment has the family two unused tokens (a unique key says so too).
    successor_id = new_id()
    RefreshToken.objects.filter(pk=token.pk).update(used_at=now, successor_id=successor_id)
    return _issue(session, successor_id, now)


def _issue(session: LoginSession, token_id: uuid.UUID, now: dt.datetime) -> RefreshToken:
    expires_at = now + _lifetime("REFRESH_TOKEN_LIFETIME")
    return RefreshToken.objects.create(id=token_id, session=session, issued_at=now, expires_at=expires_at)


def _end_stolen(session: LoginSession, now: dt.datetime) -> None:
    end_session(session_id=session.pk, reason=RevokedReason.REFRESH_TOKEN_REUSED, now=now)
    publish(
        RefreshTokenReused(
            user_id=str(session.user_id),
            session_id=str(session.pk),
            email=session.user.email,
            ip_address=session.ip_address,
        )
    )


def _end(sessions: QuerySet[LoginSession], reason: RevokedReason, now: dt.datetime) -> None:
    sessions.filter(revoked_at=None).update(revoked_at=now, revoked_reason=reason.value)


def _pair(session: LoginSession, token: RefreshToken, now: dt.datetime) -> TokenPair:
    return TokenPair(
        user=session.user,
        access=_encode(session, TokenKind.ACCESS, new_id(), now + _lifetime("ACCESS_TOKEN_LIFETIME")),
        refresh=_encode(session, TokenKind.REFRESH, token.pk, token.expires_at),
    )


def _encode(session: LoginSession, kind: TokenKind, token_id: uuid.UUID, expires_at: dt.datetime) -> str:
    claims = Claims(
        kind=kind,
        token_id=token_id,
        session_id=session.pk,
        user_id=session.user_id,
        token_version=session.user.token_version,
        expires_at=int(expires_at.timestamp()),
    )
    return signing.signer().encode(claims)


def _lifetime(name: str) -> dt.timedelta:
    return cast("dt.timedelta", settings.SIMPLE_JWT[name])
