"""Cancels an order: its stock comes back, and payments return the money when they hear of it."""

import datetime as dt
import uuid

from apps.accounts.models import User
from apps.orders.locks import lock_with_items
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal, owned_orders
from apps.orders.services.moves import OrderMoves
from apps.orders.states import OrderStatus
from core.transactions import atomic


def cancel_own_order(*, principal: OrderPrincipal, order_id: uuid.UUID, reason: str, now: dt.datetime) -> Order:
    """As `cancel_order`, for an id a client sent: OrderNotFound unless the principal owns it or is an admin."""
    with atomic():
        order = lock_with_items(order_id, among=owned_orders(principal=principal))
        return _cancel(order, actor=principal.user, reason=reason, now=now)


def cancel_order(*, order_id: uuid.UUID, actor: User | None, reason: str, now: dt.datetime) -> Order:
    """The order is cancelled and its reserved stock is free again. Returns it.

    The caller knows that this order is theirs to cancel; `actor` is None for the shop itself.
    Allowed until it is shipped. Locks the order, then stock. Publishes OrderCancelled.
    Raises OrderNotFound and InvalidTransition (cancelled before, or shipped).
    """
    with atomic():
        return _cancel(lock_with_items(order_id), actor=actor, reason=reason, now=now)


def _cancel(order: Order, *, actor: User | None, reason: str, now: dt.datetime) -> Order:
    moves = OrderMoves(order=order, actor=actor, now=now)
    moves.move_to(OrderStatus.CANCELLED, reason=reason)
    return moves.write()
