"""Who is asking: the access token in `Authorization: Bearer …`."""

import dataclasses
import uuid

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts import selectors, signing
from apps.accounts.errors import InvalidToken
from apps.accounts.models import User
from apps.accounts.signing import Claims
from apps.accounts.states import TokenKind
from core import clock

CHALLENGE = 'Bearer realm="api"'


@dataclasses.dataclass(frozen=True, slots=True)
class SignIn:
    """What stands in `request.auth`: which sign-in the token belongs to."""

    session_id: uuid.UUID


class BearerAuthentication(BaseAuthentication):
    """Sets `request.user` and `request.auth` from an access token, with one SQL statement.

    Without a token the request is anonymous; a token that is not good is refused (401), even where none is
    needed.
    """

    def authenticate(self, request: Request) -> tuple[User, SignIn] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        claims = _read(token.strip())
        user = selectors.find_principal(
            user_id=claims.user_id, session_id=claims.session_id, token_version=claims.token_version
        )
        if user is None:
            raise _refusal()
        return user, SignIn(session_id=claims.session_id)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def session_of(request: Request) -> uuid.UUID:
    """Return the sign-in a request's access token belongs to; the request has passed a permission for accounts."""
    if not isinstance(request.auth, SignIn):
        raise TypeError("the view lets in anonymous requests")
    return request.auth.session_id


def _read(token: str) -> Claims:
    try:
        return signing.signer().decode(token, kind=TokenKind.ACCESS, now=clock.now())
    except InvalidToken:
        raise _refusal() from None


def _refusal() -> InvalidToken:
    return InvalidToken(headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the access token in the OpenAPI documents."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
