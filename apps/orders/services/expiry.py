"""Cancels orders that were not paid in time, so that their stock can be sold."""

import datetime as dt
import uuid

from apps.orders.locks import lock_due_order
from apps.orders.models import Order
from apps.orders.services.moves import OrderMoves
from core.transactions import atomic

EXPIRED = "expired"


def expire_unpaid_orders(*, now: dt.datetime, limit: int = 200) -> int:
    """Pending orders past their `expires_at` are cancelled with the reason "expired". Returns how many.

    Oldest first. Each order has a transaction of its own and is looked at again under its lock; one that a
    payment holds at this moment is left alone. Any number of sweepers may run. Publishes OrderCancelled.
    """
    due = Order.objects.due_to_expire(now).order_by("expires_at", "id").values_list("pk", flat=True)[:limit]
    return sum(_expire(order_id, now) for order_id in list(due))


def _expire(order_id: uuid.UUID, now: dt.datetime) -> bool:
    with atomic():
        order = lock_due_order(order_id, now=now)
        if order is None:
            return False
        moves = OrderMoves(order=order, actor=None, now=now)
        moves.expire(reason=EXPIRED)
        moves.write()
    return True
