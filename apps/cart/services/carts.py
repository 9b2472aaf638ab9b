"""What an owner does with a cart. Nothing is promised here: stock is reserved at checkout (docs/adr/0008)."""

import datetime as dt
import uuid

from django.conf import settings

from apps.cart.contents import CartView, Line, words_for_units_left
from apps.cart.errors import CartFull, CartItemNotFound, ProductUnavailable, QuantityLimit
from apps.cart.goods import Goods
from apps.cart.owners import CartOwner
from apps.cart.recent_goods import goods_of
from apps.cart.selectors import choose_goods
from apps.cart.stores.base import Added, StoredCart
from apps.cart.stores.registry import cart_store
from apps.inventory.errors import OutOfStock
from core.errors import Conflict


def read_cart(*, owner: CartOwner) -> CartView:
    """Return the owner's cart at today's prices; an empty one without id if there is none. Two statements at most."""
    return show(cart_store().read(owner=owner))


def add_item(
    *, owner: CartOwner, product_id: uuid.UUID, variant_id: uuid.UUID | None = None, quantity: int, now: dt.datetime
) -> CartView:
    """The cart holds `quantity` (at least 1) more of the variant. Adds at once add up: none is lost.

    Four statements at most as a rule, two while the goods are remembered. Raises ProductNotFound, VariantNotFound,
    ProductUnavailable, OutOfStock (the line would hold more than is available), QuantityLimit and CartFull; the cart
    is then as it was. Locks the cart's row for the write alone.
    """
    if quantity < 1:
        raise ValueError("an add takes at least one unit")
    goods = choose_goods(product_id=product_id, variant_id=variant_id)
    refusal = _try_to_add(owner, goods, quantity, now)
    if refusal:
        known, goods = goods, choose_goods(product_id=product_id, variant_id=variant_id, remembered=False)
        if goods == known or (refusal := _try_to_add(owner, goods, quantity, now)):
            raise refusal
    return read_cart(owner=owner)


def read_item(*, owner: CartOwner, item_id: uuid.UUID) -> Line:
    """Return one line of the owner's cart. Raises CartItemNotFound."""
    return _find(read_cart(owner=owner), item_id)


def set_quantity(*, owner: CartOwner, item_id: uuid.UUID, quantity: int, now: dt.datetime) -> CartView:
    """The line holds exactly `quantity`; 0 removes it. Six statements at most.

    Raises CartItemNotFound, ProductUnavailable, OutOfStock and QuantityLimit; the cart is then as it was.
    """
    goods = read_item(owner=owner, item_id=item_id).goods
    if quantity > _most(goods):
        goods = choose_goods(product_id=goods.product_id, variant_id=goods.variant_id, remembered=False)
    if quantity > _most(goods):
        raise _refusal(goods, quantity)
    _write_quantity(owner, goods, quantity, now)
    return read_cart(owner=owner)


def remove_item(*, owner: CartOwner, item_id: uuid.UUID, now: dt.datetime) -> None:
    """The line is gone. Raises CartItemNotFound."""
    _write_quantity(owner, read_item(owner=owner, item_id=item_id).goods, 0, now)


def clear_cart(*, owner: CartOwner, now: dt.datetime) -> CartView:
    """The cart holds nothing. Harmless if it held nothing before."""
    cart_store().clear(owner=owner, now=now)
    return read_cart(owner=owner)


def show(cart: StoredCart) -> CartView:
    """Return a stored cart as it is shown. One statement at most, none while its goods are remembered.

    A line whose variant was deleted is left out.
    """
    goods = goods_of([line.variant_id for line in cart.lines])
    lines = (
        Line(line.item_id, line.quantity, goods[line.variant_id]) for line in cart.lines if line.variant_id in goods
    )
    return CartView(id=cart.cart_id, lines=tuple(lines), currency=settings.STORE_CURRENCY)


def _find(cart: CartView, item_id: uuid.UUID) -> Line:
    """The one door for an item id that a client sent: it is looked for in the owner's cart and nowhere else."""
    for line in cart.lines:
        if line.item_id == item_id:
            return line
    raise CartItemNotFound


def _most(goods: Goods) -> int:
    """The most a line of these goods may hold now."""
    return min(goods.sellable_units, settings.CART_MAX_QUANTITY)


def _try_to_add(owner: CartOwner, goods: Goods, quantity: int, now: dt.datetime) -> Conflict | None:
    """Add, or say why not."""
    limit = _most(goods)
    if quantity > limit:
        return _refusal(goods, quantity)
    added = cart_store().add(owner=owner, variant_id=goods.variant_id, quantity=quantity, limit=limit, now=now)
    if added is Added.FULL:
        return CartFull(f"A cart holds at most {settings.CART_MAX_LINES} lines.", limit=settings.CART_MAX_LINES)
    return _refusal(goods, quantity) if added is Added.OVER_LIMIT else None


def _write_quantity(owner: CartOwner, goods: Goods, quantity: int, now: dt.datetime) -> None:
    if not cart_store().set_quantity(owner=owner, variant_id=goods.variant_id, quantity=quantity, now=now):
        raise CartItemNotFound  # removed or ordered since it was read


def _refusal(goods: Goods, requested: int) -> Conflict:
    """Return which limit stands in the way."""
    if not goods.is_on_sale:
        return ProductUnavailable(f"{goods.name} is not on sale.", variant_id=str(goods.variant_id))
    if goods.available >= settings.CART_MAX_QUANTITY:
        limit = settings.CART_MAX_QUANTITY
        return QuantityLimit(f"A cart holds at most {limit} of one product.", limit=limit)
    shortage = {"variant_id": str(goods.variant_id), "requested": requested, "available": goods.available}
    return OutOfStock(f"{goods.name}: {words_for_units_left(goods.available)}", shortages=[shortage])
