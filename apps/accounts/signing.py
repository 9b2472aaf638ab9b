"""Tokens as text: claims signed and verified. Whether the sign-in is still alive, the database is asked elsewhere.

The design is in docs/adr/0005-token-design.md. simplejwt makes and checks the signature, `iss`, `aud` and `exp`;
the rest is checked here, because a missing or odd claim must be refused as well.
"""

import dataclasses
import datetime as dt
import functools
import uuid
from typing import Any

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from apps.accounts.errors import InvalidToken
from apps.accounts.states import TokenKind

TOKEN_MAX_LENGTH = 2_048  # ours have some 450 characters; nothing longer is parsed
VERIFIED_TOKENS_MAX = 4_096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says. `expires_at` is in whole seconds since 1970, as the token carries it."""

    kind: TokenKind
    token_id: uuid.UUID
    session_id: uuid.UUID
    user_id: uuid.UUID
    token_version: int
    expires_at: int


class Signer:
    """Signs and verifies with one key, one algorithm, one issuer and one audience."""

    def __init__(self, *, key: str, algorithm: str, issuer: str, audience: str) -> None:
        self._backend = TokenBackend(algorithm, signing_key=key, issuer=issuer, audience=audience)
        self._audience = audience
        self._verified: dict[str, Claims] = {}

    def encode(self, claims: Claims) -> str:
        """Return the signed text. The same claims always give the same text (HS256)."""
        token: str = self._backend.encode(
            {
                "typ": claims.kind.value,
                "jti": str(claims.token_id),
                "sid": str(claims.session_id),
                "sub": str(claims.user_id),
                "ver": claims.token_version,
                "exp": claims.expires_at,
            }
        )
        return token

    def decode(self, token: str, *, kind: TokenKind, now: dt.datetime) -> Claims:
        """Return the claims of a token of that kind. Raises InvalidToken for everything else, whatever it is.

        Verified access tokens are remembered: a client's next request skips the signature, but not the expiry.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
            if claims.kind is TokenKind.ACCESS:
                self._remember(token, claims)
        if claims.kind is not kind or claims.expires_at <= now.timestamp():
            raise InvalidToken
        return claims

    def _verify(self, token: str) -> Claims:
        if len(token) > TOKEN_MAX_LENGTH:
            raise InvalidToken
        try:
            payload = self._backend.decode(token)  # type: ignore[arg-type]  # declared as Token, wants text
            if payload["aud"] != self._audience:
                raise InvalidToken
            return _claims_of(payload)
        except (TokenBackendError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
            # A header nested a thousand deep, text that is not ASCII, a claim of another type: all are "no".
            raise InvalidToken from None

    def _remember(self, token: str, claims: Claims) -> None:
        if len(self._verified) >= VERIFIED_TOKENS_MAX:
            self._verified.clear()  # cheaper than keeping an order on every request, and rare
        self._verified[token] = claims


def _claims_of(payload: dict[str, Any]) -> Claims:
    return Claims(
        kind=TokenKind(payload["typ"]),
        token_id=uuid.UUID(payload["jti"]),
        session_id=uuid.UUID(payload["sid"]),
        user_id=uuid.UUID(payload["sub"]),
        token_version=_whole_number(payload["ver"], below=2**31),
        expires_at=_whole_number(payload["exp"], below=2**53),
    )


def _whole_number(value: Any, *, below: int) -> int:
    if type(value) is not int or not 0 <= value < below:  # `True` is an int to isinstance
        raise ValueError("a whole number is expected")
    return value


@functools.lru_cache(maxsize=4)
def _signer(key: str, algorithm: str, issuer: str, audience: str) -> Signer:
    return Signer(key=key, algorithm=algorithm, issuer=issuer, audience=audience)


def signer() -> Signer:
    """Return the signer of the present settings (a changed key makes a new one, which remembers nothing)."""
    jwt: dict[str, Any] = settings.SIMPLE_JWT
    return _signer(jwt["SIGNING_KEY"], jwt["ALGORITHM"], jwt["ISSUER"], jwt["AUDIENCE"])
