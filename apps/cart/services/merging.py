"""A guest signs in: what they had put into the cart joins the cart of their account."""

import datetime as dt

from django.conf import settings

from apps.accounts.models import User
from apps.cart.contents import CartProblem, words_for_units_left
from apps.cart.goods import Goods
from apps.cart.owners import CartOwner
from apps.cart.stores.base import LeftBehind
from apps.cart.stores.registry import cart_store
from core.ids import hash_token


def merge_guest_cart(*, token: str, user: User, now: dt.datetime) -> tuple[CartProblem, ...]:
    """The lines of the guest's cart are in the user's cart, quantities added, and the guest's cart is gone.

    No line is raised above what is available, CART_MAX_QUANTITY or CART_MAX_LINES; what found no place is reported.
    One step for the store, so a second merge (a repeated login) finds no guest cart and does nothing. Holds the
    locks of both carts, the guest's first. Five statements at most. Raises CartUnavailable.
    """
    guest, owner = CartOwner(token_hash=hash_token(token)), CartOwner(user_id=user.pk)
    return tuple(map(_problem, cart_store().merge(guest=guest, user=owner, limit_of=_limit, now=now)))


def _limit(goods: Goods) -> int:
    return min(goods.sellable_units, settings.CART_MAX_QUANTITY)


def _problem(left: LeftBehind) -> CartProblem:
    goods = left.goods
    code, reason = "cart_limit", "The cart holds no more."
    if not goods.is_on_sale:
        code, reason = "product_unavailable", "It is not on sale any more."
    elif goods.available < settings.CART_MAX_QUANTITY:
        code, reason = "out_of_stock", words_for_units_left(goods.available)
    return CartProblem(code, left.item_id, f"{left.units} of {goods.name} were not taken over. {reason}")
