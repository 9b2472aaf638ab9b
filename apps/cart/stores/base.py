"""What a cart store can do. The contract suite (tests/contracts/test_cart_stores.py) says the same in tests."""

import datetime as dt
import enum
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from apps.cart.goods import Goods
from apps.cart.owners import CartOwner
from apps.products.selectors import Sellable


class StoredLine(NamedTuple):
    """One line as kept. `item_id` lasts as long as the line stays in this cart."""

    item_id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int


class StoredCart(NamedTuple):
    """An owner's open cart, lines in the order they were added. `cart_id` is None where there is no cart."""

    cart_id: uuid.UUID | None
    lines: tuple[StoredLine, ...] = ()


class TakenLine(NamedTuple):
    """One line as it is ordered."""

    item_id: uuid.UUID
    quantity: int
    sellable: Sellable


class TakenCart(NamedTuple):
    """A cart as it is ordered; `cart_id` is None where there is no cart."""

    cart_id: uuid.UUID | None
    lines: tuple[TakenLine, ...] = ()


class LeftBehind(NamedTuple):
    """What of a guest's line found no place in the user's cart; `item_id` is the user's line of the same goods."""

    goods: Goods
    units: int
    item_id: uuid.UUID | None


class Added(enum.Enum):
    """What became of an add."""

    DONE = "done"
    OVER_LIMIT = "over_limit"  # the line would hold more than its limit
    FULL = "full"  # the cart would hold more than CART_MAX_LINES lines


class CartStore(Protocol):
    """Keeps at most one open cart per owner, for CART_DAYS after its last change.

    A cart id is used once: a cart that became an order never opens again, and what its owner adds later is in a cart
    with another id. Every change is one atomic step: it happens whole or not at all, whoever else changes the cart.
    Methods raise CartUnavailable when the store does not answer.
    """

    def knows(self, *, owner: CartOwner) -> bool:
        """True if this store opened a cart for the owner and still has a trace of it: so a guest's token is checked."""
        ...

    def read(self, *, owner: CartOwner) -> StoredCart:
        """Return the open cart. Changes nothing. A line's variant may have been deleted since it was added."""
        ...

    def add(self, *, owner: CartOwner, variant_id: uuid.UUID, quantity: int, limit: int, now: dt.datetime) -> Added:
        """Raise the variant's line by `quantity` (begin it if need be), opening a cart if there is none.

        Any answer but DONE means that no line has changed.
        """
        ...

    def set_quantity(self, *, owner: CartOwner, variant_id: uuid.UUID, quantity: int, now: dt.datetime) -> bool:
        """Make the line hold `quantity` (0 removes it). False, and nothing changed, if there is no such line."""
        ...

    def clear(self, *, owner: CartOwner, now: dt.datetime) -> None:
        """Remove every line; the cart stays open."""
        ...

    def merge(
        self, *, guest: CartOwner, user: CartOwner, limit_of: Callable[[Goods], int], now: dt.datetime
    ) -> list[LeftBehind]:
        """Add the guest's lines to the user's cart and end the guest's cart, in one step.

        No line is raised above `limit_of` its goods (and none is lowered), no cart above CART_MAX_LINES. Returns what
        was left behind, but for goods that are no more. A second call finds no guest cart and does nothing.
        """
        ...

    def take(self, *, owner: CartOwner) -> TakenCart:
        """Return the cart to be ordered, inside the caller's transaction.

        The database store holds the cart's row until that transaction ends. A store that cannot lock leaves it to
        the unique Order.cart_id to refuse a second order of one cart.
        """
        ...

    def finish(
        self, *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
    ) -> None:
        """End the cart with this id, which holds `ordered` (variant → units), as part of the caller's transaction.

        The database store marks the row. Another store waits for the commit and then does discard(); if it cannot
        be reached at that moment, the cart is left for discard() to mend.
        """
        ...

    def discard(
        self, *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
    ) -> None:
        """End a cart whose order is committed. Harmless if the owner's cart has another id by now.

        What was added after the cart was taken stays, in a cart with a new id.
        """
        ...
