"""Asking whether a token is good, without using it."""

import datetime as dt

from apps.accounts import signing
from apps.accounts.errors import InvalidToken
from apps.accounts.models import RefreshToken
from apps.accounts.selectors import find_principal
from apps.accounts.signing import Claims
from apps.accounts.states import TokenKind


def check_token(*, token: str, now: dt.datetime) -> Claims:
    """Return what a good access or refresh token says. At most two statements.

    Raises InvalidToken when it is forged or too old, its sign-in has ended, or it is a refresh token that was used.
    """
    claims = _read(token, now)
    principal = find_principal(user_id=claims.user_id, session_id=claims.session_id, token_version=claims.token_version)
    if principal is None or not _is_unused(claims):
        raise InvalidToken
    return claims


def _read(token: str, now: dt.datetime) -> Claims:
    try:
        return signing.signer().decode(token, kind=TokenKind.ACCESS, now=now)
    except InvalidToken:
        return signing.signer().decode(token, kind=TokenKind.REFRESH, now=now)


def _is_unused(claims: Claims) -> bool:
    if claims.kind is TokenKind.ACCESS:
        return True
    return RefreshToken.objects.filter(pk=claims.token_id, session_id=claims.session_id, used_at=None).exists()
