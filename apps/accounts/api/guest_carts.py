"""What a guest put into a cart goes along when they sign in."""

import datetime as dt
import logging

from django.db import DatabaseError
from rest_framework.request import Request

from apps.accounts.models import User
from apps.cart.contents import CartProblem
from apps.cart.services.merging import merge_guest_cart
from core.errors import ShopError

logger = logging.getLogger("shop.accounts")


def take_guest_cart_along(request: Request, user: User, now: dt.datetime) -> tuple[CartProblem, ...]:
    """Merge the cart named by X-Cart-Token into the user's own; return what found no place there.

    The sign-in stands by then: a cart that is unknown, gone or locked is no reason to withhold the tokens, and the
    guest's cart stays where it was.
    """
    token = request.headers.get("X-Cart-Token")
    if not token:
        return ()
    try:
        return merge_guest_cart(token=token, user=user, now=now)
    except (ShopError, DatabaseError):
        logger.warning("the guest's cart could not be merged", exc_info=True)
        return ()
