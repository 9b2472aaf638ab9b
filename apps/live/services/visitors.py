"""Who is connected: asked once when they say who they are, and again as long as they stay."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable

from apps.accounts import signing
from apps.accounts.errors import InvalidToken
from apps.accounts.selectors import find_principal
from apps.accounts.signing import Claims
from apps.accounts.states import TokenKind
from apps.orders.selectors import OrderPrincipal, owned_orders


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A signed-in user, or a guest with the token of one order. The proof is kept to be looked at again."""

    user_id: str | None = None
    order_id: str | None = None
    claims: Claims | None = dataclasses.field(default=None, repr=False)
    order_token: str = dataclasses.field(default="", repr=False)

    @property
    def key(self) -> str:
        """What connections are counted by."""
        return self.user_id or f"order:{self.order_id}"


def welcome(*, token: str, order_token: str, now: dt.datetime) -> Visitor:
    """Return who it is. One statement. Raises InvalidToken, as every request with such a token is refused."""
    if token:
        return _user(token, now)
    order_id = _order_of(order_token)
    if order_id is None:
        raise InvalidToken
    return Visitor(order_id=str(order_id), order_token=order_token)


def no_longer_welcome(visitors: Iterable[Visitor], *, now: dt.datetime) -> list[Visitor]:
    """Return those whose token is too old, whose sign-in has ended or whose order is not theirs. One statement each."""
    return [visitor for visitor in visitors if not _is_welcome(visitor, now)]


def _user(token: str, now: dt.datetime) -> Visitor:
    claims = signing.signer().decode(token, kind=TokenKind.ACCESS, now=now)
    if not _is_alive(claims):
        raise InvalidToken
    return Visitor(user_id=str(claims.user_id), claims=claims)


def _is_welcome(visitor: Visitor, now: dt.datetime) -> bool:
    if visitor.claims is None:
        return str(_order_of(visitor.order_token)) == visitor.order_id
    return visitor.claims.expires_at > now.timestamp() and _is_alive(visitor.claims)


def _is_alive(claims: Claims) -> bool:
    user = find_principal(user_id=claims.user_id, session_id=claims.session_id, token_version=claims.token_version)
    return user is not None


def _order_of(token: str) -> uuid.UUID | None:
    principal = OrderPrincipal(order_token=token)
    return owned_orders(principal=principal).values_list("pk", flat=True).first()
