"""The cart's part of a checkout: handed over once, to one order.

A database cart is locked by take_cart_for_checkout() until the order commits. Redis cannot be locked by a database
transaction: there the unique Order.cart_id refuses a second order of one cart, and the hash is emptied after commit.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from django.conf import settings

from apps.cart.errors import CartEmpty, CartHasProblems
from apps.cart.owners import CartOwner
from apps.cart.stores.base import TakenLine
from apps.cart.stores.registry import cart_store
from apps.products.selectors import Sellable


@dataclasses.dataclass(frozen=True, slots=True)
class CartLine:
    """A variant, how many of it, and what the catalogue says of it."""

    variant_id: uuid.UUID
    quantity: int
    sellable: Sellable


@dataclasses.dataclass(frozen=True, slots=True)
class LockedCart:
    """A cart as it is ordered. `cart_id` is used once: Order.cart_id is unique."""

    cart_id: uuid.UUID
    lines: tuple[CartLine, ...]


def take_cart_for_checkout(*, owner: CartOwner, now: dt.datetime) -> LockedCart:
    """Return the owner's cart for an order, lines in the order they were added. Two statements.

    Call it first in the order's transaction: the cart's row stays locked until that ends, so a second checkout waits
    and then finds no cart, and what is added meanwhile lands in the next one. Raises CartEmpty, and CartHasProblems
    for lines that are not on sale any more (stock is the reservation's business).
    """
    cart = cart_store().take(owner=owner)
    if cart.cart_id is None or not cart.lines:
        raise CartEmpty
    _refuse_withdrawn(cart.lines)
    lines = (CartLine(line.sellable.variant_id, line.quantity, line.sellable) for line in cart.lines)
    return LockedCart(cart_id=cart.cart_id, lines=tuple(lines))


def finish_cart(*, locked: LockedCart, owner: CartOwner, now: dt.datetime) -> None:
    """The cart was ordered, if the caller's transaction commits; its owner's next line opens a new one. One statement.

    Raises CartEmpty if a database cart is not open any more. A Redis cart loses what was ordered after commit and
    keeps what was added since it was taken, under a new id; if Redis is away then, discard_ordered_cart() mends it.
    """
    cart_store().finish(owner=owner, cart_id=locked.cart_id, ordered=_units(locked), now=now)


def discard_ordered_cart(
    *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
) -> None:
    """The owner's cart no longer holds what a committed order made from it: for a crash between commit and emptying.

    `ordered` is the order's variants and units. Harmless when the cart has another id by now. Raises CartUnavailable.
    """
    cart_store().discard(owner=owner, cart_id=cart_id, ordered=ordered, now=now)


def _units(locked: LockedCart) -> dict[uuid.UUID, int]:
    return {line.variant_id: line.quantity for line in locked.lines}


def _refuse_withdrawn(lines: Sequence[TakenLine]) -> None:
    """Raise CartHasProblems naming every line that is not on sale in the store's currency."""
    problems = [
        {
            "code": "product_unavailable",
            "item_id": str(line.item_id),
            "detail": f"{line.sellable.name} is not on sale any more.",
        }
        for line in lines
        if not line.sellable.is_sellable or line.sellable.currency != settings.STORE_CURRENCY
    ]
    if problems:
        raise CartHasProblems(problems=problems)
