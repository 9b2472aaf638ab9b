"""Orders of guests that move into an account."""

import datetime as dt
import uuid

from django.db.models import F

from apps.accounts.models import User
from apps.orders.events import OrderClaimed
from apps.orders.models import Order
from apps.orders.services.news import order_event
from core.events.publishing import publish
from core.transactions import atomic


def claim_guest_orders(*, user_id: uuid.UUID, email: str, now: dt.datetime) -> int:
    """Orders that guests placed with this address belong to the account; return how many moved now.

    The caller knows that whoever holds the account has proven the address. Nothing moves when the account is closed,
    has another address by now, or its address is not proven any more. Each order is a transaction of its own and
    publishes OrderClaimed; the guest's token stays good. Harmless the second time.
    """
    owner = User.objects.filter(pk=user_id, email=email, is_active=True, email_verified_at__isnull=False)
    if not owner.exists():
        return 0
    orders = Order.objects.filter(user=None, email=email).order_by("id").values_list("pk", flat=True)
    return sum(_claim(order_id, user_id, now) for order_id in list(orders))


def has_guest_orders(*, email: str) -> bool:
    """Tell whether an account with this address would have orders to claim. One statement."""
    return Order.objects.filter(user=None, email=email).exists()


def _claim(order_id: uuid.UUID, user_id: uuid.UUID, now: dt.datetime) -> bool:
    with atomic():
        free = Order.objects.filter(pk=order_id, user=None)
        if not free.update(user_id=user_id, version=F("version") + 1, updated_at=now):
            return False
        publish(order_event(OrderClaimed, Order.objects.get(pk=order_id)))
    return True
