"""Takes up again an order that expired just before its money came."""

import datetime as dt

from django.db.models import Q

from apps.inventory.services import reservations
from apps.orders.models import Order, OrderItem
from apps.orders.services.expiry import EXPIRED
from apps.orders.services.moves import OrderMoves, stock_reference
from apps.orders.states import OrderStatus
from core.transactions import atomic


def revive_expired_order(*, order: Order, now: dt.datetime) -> bool:
    """The order is pending again and holds its stock; or return False with nothing changed: its stock is gone.

    `order` is locked in the caller's transaction, which also marks it paid: its deadline stays in the past, and the
    next sweep would end it again. False as well for an order that somebody cancelled, whatever reason they gave, and
    for one of which something was taken back. Locks the stock. Publishes OrderRevived.
    """
    with atomic():
        if not _has_expired(order) or _was_taken_back(order):
            return False
        if not reservations.reopen(reference=stock_reference(order.pk), now=now):
            return False
        moves = OrderMoves(order=order, actor=None, now=now)
        moves.revive()
        moves.write()
        return True


def _has_expired(order: Order) -> bool:
    """Only the clock leaves a cancelled order its deadline: the reason is free text."""
    is_over = order.status == OrderStatus.CANCELLED and order.expires_at is not None
    return is_over and order.cancel_reason == EXPIRED


def _was_taken_back(order: Order) -> bool:
    touched = Q(refunded_quantity__gt=0) | Q(restocked_quantity__gt=0)
    return order.shipping_refunded or OrderItem.objects.filter(touched, order=order).exists()
