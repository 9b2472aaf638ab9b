"""The lock of an order: whoever changes one takes this first (docs/algorithms/locking.md)."""

import datetime as dt
import uuid

from apps.orders.errors import OrderNotFound
from apps.orders.models import Order, OrderItem, OrderQuerySet


def lock_order(order_id: uuid.UUID, *, among: OrderQuerySet | None = None) -> Order:
    """Return the order with its row locked until the caller's transaction ends. One statement.

    `among` are the orders the caller may touch (`owned_orders`); None when that was asked before.
    Raises OrderNotFound.
    """
    orders = Order.objects.all() if among is None else among
    order = orders.select_for_update(of=("self",)).filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return order


def lock_with_items(order_id: uuid.UUID, *, among: OrderQuerySet | None = None) -> Order:
    """As `lock_order`, and the order's `fetched_items` hold its lines. One statement. Raises OrderNotFound."""
    orders = Order.objects.all() if among is None else among
    items = list(
        OrderItem.objects.select_for_update(of=("order",))
        .select_related("order")
        .filter(order__in=orders.filter(pk=order_id).values("pk"))
        .order_by("position", "id")
    )
    if not items:
        raise OrderNotFound
    order = items[0].order
    order.fetched_items = items
    return order


def lock_due_order(order_id: uuid.UUID, *, now: dt.datetime) -> Order | None:
    """Return the locked order if it is still overdue and nobody else holds it, else None. One statement."""
    due = Order.objects.due_to_expire(now).filter(pk=order_id)
    return due.select_for_update(of=("self",), skip_locked=True).first()
