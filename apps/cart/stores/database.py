"""Carts in the shop's own database: the default. Survives whatever the orders survive.

Whoever changes lines first touches the cart's row, with the condition that it is still open, and so holds its lock:
changes of one cart queue behind each other and behind a checkout, and find a new cart once that has committed.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, models

from apps.cart.errors import CartEmpty, ProductUnavailable
from apps.cart.goods import Goods, as_goods, as_sellable, goods_columns, sellable_columns
from apps.cart.models import Cart, CartItem
from apps.cart.owners import CartOwner
from apps.cart.stores.base import Added, LeftBehind, StoredCart, StoredLine, TakenCart, TakenLine
from apps.cart.stores.merging import merge_lines
from core.compiled_reads import CompiledRead
from core.deletion import delete_only
from core.ids import new_id
from core.transactions import atomic

TOUCH_EVERY = dt.timedelta(hours=1)
ROOM_FOR_RACES = 64

# Opens a cart, or locks and dates the open one. The date moves once an hour only: while it stays as it is, no index of
# the row has to change.
_OPEN = """
INSERT INTO cart_cart (id, {owner}, created_at, updated_at) {values}
ON CONFLICT ({owner}) WHERE ordered_at IS NULL DO UPDATE SET updated_at =
    CASE WHEN cart_cart.updated_at < %s THEN excluded.updated_at ELSE cart_cart.updated_at END {returning}
"""
_ALWAYS = "VALUES (%s, %s, %s, %s)"
# For a merge: the guest's open cart is locked first. Without one no cart is opened.
_BESIDE_A_GUESTS = """SELECT %s, %s, %s, %s FROM (
    SELECT id FROM cart_cart WHERE token_hash = %s AND ordered_at IS NULL {lock}
) guest WHERE TRUE"""
_BOTH_IDS = "RETURNING id, (SELECT g.id FROM cart_cart g WHERE g.token_hash = %s AND g.ordered_at IS NULL)"
# Adds to a line of the open cart, or begins it; the cart's row is locked on the way, and looked at again after a wait.
_ADD = """
INSERT INTO cart_cartitem (id, cart_id, variant_id, quantity, added_at)
SELECT %s, cart.id, %s, %s, %s FROM cart_cart cart
WHERE cart.{owner} = %s AND cart.ordered_at IS NULL AND cart.updated_at >= %s AND (
    EXISTS (SELECT 1 FROM cart_cartitem WHERE cart_id = cart.id AND variant_id = %s)
    OR (SELECT count(*) FROM cart_cartitem WHERE cart_id = cart.id) < %s)
{lock}
ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = cart_cartitem.quantity + excluded.quantity
    WHERE cart_cartitem.quantity + excluded.quantity <= %s
"""


class DatabaseCartStore:
    """See CartStore. Statements: read 1, add 1 (more for a new cart or a refusal), set_quantity 2, take 2, finish 1."""

    def knows(self, *, owner: CartOwner) -> bool:
        return Cart.objects.filter(**_of(owner)).exists()

    def read(self, *, owner: CartOwner) -> StoredCart:
        rows = _read_user.rows(user=owner.user_id) if owner.user_id else list(_shown(token_hash=owner.token_hash))
        if not rows:
            return StoredCart(None)
        lines = (StoredLine._make(row[1:]) for row in rows if row[1] is not None)
        return StoredCart(rows[0][0], tuple(lines))

    def add(self, *, owner: CartOwner, variant_id: uuid.UUID, quantity: int, limit: int, now: dt.datetime) -> Added:
        """Raises ProductUnavailable if the variant was deleted since it was chosen."""
        if quantity > limit:
            return Added.OVER_LIMIT
        try:
            return _add_or_open(owner, _NewLine(variant_id, quantity, limit, now))
        except IntegrityError as error:
            raise ProductUnavailable from error

    def set_quantity(self, *, owner: CartOwner, variant_id: uuid.UUID, quantity: int, now: dt.datetime) -> bool:
        with atomic():
            if not _touch(owner, now):
                return False
            line = _lines(owner).filter(variant_id=variant_id)
            return bool(line.update(quantity=quantity) if quantity else line.delete()[0])

    def clear(self, *, owner: CartOwner, now: dt.datetime) -> None:
        with atomic():
            if _touch(owner, now):
                _lines(owner).delete()

    def merge(
        self, *, guest: CartOwner, user: CartOwner, limit_of: Callable[[Goods], int], now: dt.datetime
    ) -> list[LeftBehind]:
        """Locks the guest's cart, then the user's: always in this order. Five statements, one without a guest's cart.

        The locks make plain numbers safe. The goods are read with the lines: one statement where three were needed.
        """
        with atomic():
            found = _lock_both(guest, user, now)
            if found is None:
                return []
            user_cart, guest_cart = found
            lines = _lines_with_goods(user_cart, guest_cart)
            own = {line.goods.variant_id: line for line in lines if line.cart_id == user_cart}
            offered = {line.goods.variant_id: line for line in lines if line.cart_id == guest_cart}
            merged, left_behind = merge_lines(
                _units_of(own), _units_of(offered), {key: limit_of(line.goods) for key, line in offered.items()}
            )
            items = _write_lines(user_cart, merged, now) | {key: line.item_id for key, line in own.items()}
            CartItem.objects.filter(cart_id=guest_cart).delete()
            delete_only(Cart.objects.filter(pk=guest_cart))
        return [LeftBehind(offered[key].goods, units, items.get(key)) for key, units in left_behind.items()]

    def take(self, *, owner: CartOwner) -> TakenCart:
        cart_id = _lock(owner)
        if cart_id is None:
            return TakenCart(None)
        lines = (TakenLine(row[0], row[1], as_sellable(row[2:])) for row in _take.rows(cart=cart_id))
        return TakenCart(cart_id, tuple(lines))

    def finish(
        self, *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
    ) -> None:
        """Raises CartEmpty if the cart is not open: somebody else ordered it, and the caller's order must not be."""
        if not Cart.objects.filter(pk=cart_id, **_of(owner), ordered_at=None).update(ordered_at=now, updated_at=now):
            raise CartEmpty

    def discard(
        self, *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
    ) -> None:
        Cart.objects.filter(pk=cart_id, **_of(owner), ordered_at=None).update(ordered_at=now, updated_at=now)


class _NewLine(NamedTuple):
    """What add() was asked for."""

    variant_id: uuid.UUID
    quantity: int
    limit: int
    now: dt.datetime


def _shown(**cart: Any) -> models.QuerySet[Cart, Any]:
    """An open cart with its lines: one row without a line for an empty cart."""
    return (
        Cart.objects.filter(**cart, ordered_at=None)
        .order_by("items__added_at", "items__id")
        .values_list("id", "items__id", "items__variant_id", "items__quantity")
    )


def _taken(cart_id: Any) -> models.QuerySet[CartItem, Any]:
    lines = CartItem.objects.filter(cart_id=cart_id).order_by("added_at", "id")
    return lines.values_list("id", "quantity", *sellable_columns("variant__"))


_read_user = CompiledRead(lambda user: _shown(user_id=user), "user")
_take = CompiledRead(lambda cart: _taken(cart), "cart")


def _of(owner: CartOwner) -> dict[str, Any]:
    return {"token_hash": owner.token_hash} if owner.is_guest else {"user_id": owner.user_id}


def _lines(owner: CartOwner) -> models.QuerySet[CartItem]:
    """The lines of the open cart."""
    cart = {f"cart__{name}": value for name, value in _of(owner).items()}
    return CartItem.objects.filter(**cart, cart__ordered_at=None)


def _lock(owner: CartOwner) -> uuid.UUID | None:
    """Lock the open cart and return its id. Who waited for a checkout finds that it is not open any more."""
    carts = Cart.objects.select_for_update(of=("self",)).filter(**_of(owner), ordered_at=None)
    return carts.order_by().values_list("id", flat=True).first()


def _touch(owner: CartOwner, now: dt.datetime) -> bool:
    """Lock the open cart and date it. False if there is none."""
    return bool(Cart.objects.filter(**_of(owner), ordered_at=None).update(updated_at=now))


def _open_and_lock(owner: CartOwner, now: dt.datetime) -> None:
    column, key = _owner_column(owner)
    dates = [_adapted(Cart, "updated_at", value) for value in (now, now, now - TOUCH_EVERY)]
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN.format(owner=column, values=_ALWAYS, returning=""), [_adapted(Cart, "id", new_id()), key, *dates]
        )


def _add_or_open(owner: CartOwner, line: _NewLine) -> Added:
    """One statement as a rule: a cart touched within the hour that is far from full needs no other.

    The count of its lines is as old as the statement, so near the end of the room the cart is locked first.
    """
    touched_since = line.now - TOUCH_EVERY
    if _add(owner, line, touched_since=touched_since, most_lines=settings.CART_MAX_LINES - ROOM_FOR_RACES):
        return Added.DONE
    with atomic():
        _open_and_lock(owner, line.now)
        if _add(owner, line, touched_since=touched_since, most_lines=settings.CART_MAX_LINES):
            return Added.DONE
        has_line = _lines(owner).filter(variant_id=line.variant_id).exists()
    return Added.OVER_LIMIT if has_line else Added.FULL


def _add(owner: CartOwner, line: _NewLine, *, touched_since: dt.datetime, most_lines: int) -> bool:
    """Write the line. False if there is no cart touched since, no room for it, or too much in it."""
    column, key = _owner_column(owner)
    variant = _adapted(CartItem, "variant", line.variant_id)
    new = [_adapted(CartItem, "id", new_id()), variant, line.quantity, _adapted(CartItem, "added_at", line.now)]
    condition = [key, _adapted(Cart, "updated_at", touched_since), variant, most_lines]
    lock = _for_update()
    with connection.cursor() as cursor:
        cursor.execute(_ADD.format(owner=column, lock=lock), [*new, *condition, line.limit])
        return bool(cursor.rowcount == 1)


class _LineWithGoods(NamedTuple):
    """A line of one of the carts that are merged."""

    cart_id: uuid.UUID
    item_id: uuid.UUID
    quantity: int
    goods: Goods


def _lock_both(guest: CartOwner, user: CartOwner, now: dt.datetime) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Lock the guest's open cart, then open or lock the user's; return (user's, guest's). None without a guest's."""
    dates = [_adapted(Cart, "updated_at", value) for value in (now, now, now - TOUCH_EVERY)]
    new = [_adapted(Cart, "id", new_id()), _adapted(Cart, "user", user.user_id), *dates[:2]]
    values = _BESIDE_A_GUESTS.format(lock=_for_update())
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN.format(owner="user_id", values=values, returning=_BOTH_IDS),
            [*new, guest.token_hash, dates[2], guest.token_hash],
        )
        row = cursor.fetchone()
    return (_uuid(row[0]), _uuid(row[1])) if row else None


def _lines_with_goods(*carts: uuid.UUID) -> list[_LineWithGoods]:
    """Return the carts' lines in the order they were added."""
    lines = CartItem.objects.filter(cart_id__in=carts).order_by("added_at", "id")
    rows = lines.values_list("cart_id", "id", "quantity", *goods_columns("variant__"))
    return [_LineWithGoods(row[0], row[1], row[2], as_goods(row[3:])) for row in rows]


def _units_of(lines: Mapping[uuid.UUID, _LineWithGoods]) -> dict[uuid.UUID, int]:
    return {key: line.quantity for key, line in lines.items()}


def _write_lines(cart_id: uuid.UUID, lines: Mapping[uuid.UUID, int], now: dt.datetime) -> dict[uuid.UUID, uuid.UUID]:
    """Make the locked cart hold so many of each variant; return the ids of these lines, were they all new."""
    items = [CartItem(cart_id=cart_id, variant_id=key, quantity=units, added_at=now) for key, units in lines.items()]
    CartItem.objects.bulk_create(
        items, update_conflicts=True, unique_fields=["cart", "variant"], update_fields=["quantity"]
    )
    return {item.variant_id: item.id for item in items}


def _for_update() -> str:
    """SQLite has one writer, and no such clause."""
    return "FOR UPDATE" if connection.features.has_select_for_update else ""


def _uuid(value: uuid.UUID | str) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _owner_column(owner: CartOwner) -> tuple[str, Any]:
    """Return the owner's column and its value as the database takes it."""
    column, value = next(iter(_of(owner).items()))
    return column, _adapted(Cart, column.removesuffix("_id"), value)


def _adapted(model: type[models.Model], field: str, value: Any) -> Any:
    """Return the value as this database's driver takes it (SQLite keeps UUIDs and times as text)."""
    column: models.Field[Any, Any] = model._meta.get_field(field)  # type: ignore[assignment]
    return column.get_db_prep_value(value, connection)
