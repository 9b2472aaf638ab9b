"""Reads of orders. `access_order` is the only door for an order id that a client sent."""

import dataclasses
import uuid
from collections.abc import Iterable, Sequence

from django.db.models import Q

from apps.accounts.models import User
from apps.orders.errors import OrderNotFound
from apps.orders.models import Order, OrderItem, OrderQuerySet, OrderStatusChange
from apps.orders.states import OrderStatus
from core.ids import hash_token


@dataclasses.dataclass(frozen=True, slots=True)
class OrderPrincipal:
    """Who asks: a signed-in user, the bearer of a guest's order token, both or nobody."""

    user: User | None = None
    order_token: str | None = None


def access_order(*, principal: OrderPrincipal, order_id: uuid.UUID) -> Order:
    """Return the order: the principal owns it or is an admin. One statement. Raises OrderNotFound.

    Sellers are not let in here: what an owner may do (pay, cancel, fetch the invoice) is not theirs to do.
    """
    return _one(owned_orders(principal=principal), order_id)


def owned_orders(*, principal: OrderPrincipal) -> OrderQuerySet:
    """Return what `access_order` chooses from, for a read that joins or locks in the same statement."""
    return Order.objects.filter(_owned(principal))


def access_order_view(*, principal: OrderPrincipal, order_id: uuid.UUID) -> Order:
    """Return the order: the principal owns it, is an admin or sells one of its lines. One statement.

    Raises OrderNotFound. A seller is shown own lines only: pass the items through `visible_items`.
    """
    return _one(_seen_by(principal), order_id)


def list_orders(*, principal: OrderPrincipal) -> OrderQuerySet:
    """Return the orders to list, newest first: an admin's all, a seller's with own lines, else own ones."""
    return _seen_by(principal).order_by("-created_at", "-id")


def visible_items(*, principal: OrderPrincipal, orders: Sequence[Order]) -> dict[uuid.UUID, list[OrderItem]]:
    """Return the lines of each order by order id, in their order. One statement for all orders, none if fetched.

    Who sees an order only because they sell part of it gets their part.
    """
    found: dict[uuid.UUID, list[OrderItem]] = {order.pk: [] for order in orders}
    partial = {order.pk for order in orders if sees_own_lines_only(principal=principal, order=order)}
    for item in _items_of(orders):
        if item.order_id not in partial or (principal.user is not None and item.seller_id == principal.user.pk):
            found[item.order_id].append(item)
    return found


def was_revived(order_id: uuid.UUID) -> bool:
    """Tell whether the order had expired and was taken up again by its late payment. One statement."""
    return OrderStatusChange.objects.filter(
        order_id=order_id, field="status", from_state=OrderStatus.CANCELLED, to_state=OrderStatus.PENDING
    ).exists()


def sees_own_lines_only(*, principal: OrderPrincipal, order: Order) -> bool:
    """True for a seller who looks at somebody else's order. No statement."""
    user = principal.user
    if user is None or user.is_admin or order.user_id == user.pk:
        return False
    return not _holds_token(principal, order)


def _items_of(orders: Sequence[Order]) -> Iterable[OrderItem]:
    missing = [order.pk for order in orders if order.fetched_items is None]
    fetched = [item for order in orders for item in order.fetched_items or ()]
    queried = OrderItem.objects.filter(order__in=missing).order_by("position", "id") if missing else ()
    return [*fetched, *queried]


def _one(orders: OrderQuerySet, order_id: uuid.UUID) -> Order:
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return order


def _seen_by(principal: OrderPrincipal) -> OrderQuerySet:
    user = principal.user
    if user is None or not user.is_seller:
        return Order.objects.filter(_owned(principal))
    return Order.objects.filter(_owned(principal) | Q(pk__in=Order.objects.sold_by(user.pk).values("pk")))


def _owned(principal: OrderPrincipal) -> Q:
    """The owner's condition. Nobody in particular owns nothing: an empty principal matches no row."""
    user, token = principal.user, principal.order_token
    if user is not None and user.is_admin:
        return Q()
    owned = Q(pk__in=[])
    if user is not None:
        owned |= Q(user_id=user.pk)
    if token:
        owned |= Q(order_token_hash=hash_token(token))
    return owned


def _holds_token(principal: OrderPrincipal, order: Order) -> bool:
    return bool(principal.order_token) and order.order_token_hash == hash_token(principal.order_token or "")
