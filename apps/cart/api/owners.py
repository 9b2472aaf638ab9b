"""Whose cart a request is about. A guest's token travels in the header X-Cart-Token, in both directions."""

import re

from rest_framework.request import Request

from apps.accounts.models import User
from apps.cart.owners import CartOwner
from apps.cart.stores.registry import cart_store
from core.ids import hash_token, new_token

CART_TOKEN_HEADER = "X-Cart-Token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def cart_owner(request: Request) -> CartOwner | None:
    """Return the signed-in user, else the guest whose token was sent, else None. No statement.

    A guest's token is not looked up: an unknown one owns an empty cart.
    """
    if isinstance(request.user, User):
        return CartOwner(user_id=request.user.pk)
    token = _sent_token(request)
    return CartOwner(token_hash=hash_token(token)) if token else None


def ensure_cart_owner(request: Request) -> tuple[CartOwner, str | None]:
    """Return whose cart is written to and, where a guest needs one, the new token to hand out.

    A token that the shop did not issue, or has forgotten, is replaced and never adopted: else a stranger could send
    somebody a token and watch their cart. One statement for a guest with a token.
    """
    owner = cart_owner(request)
    if owner is not None and (not owner.is_guest or cart_store().knows(owner=owner)):
        return owner, None
    token = new_token()
    return CartOwner(token_hash=hash_token(token)), token


def _sent_token(request: Request) -> str | None:
    token = request.headers.get(CART_TOKEN_HEADER, "")
    return token if _TOKEN.fullmatch(token) else None
