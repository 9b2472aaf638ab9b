"""Until when an order has to be paid."""

import datetime as dt

from apps.orders.models import Order
from apps.orders.states import OrderStatus
from core.transactions import atomic


def move_payment_deadline(*, order: Order, to: dt.datetime, now: dt.datetime) -> None:
    """A pending order expires at `to`, earlier or later than it would have. `order` is locked by the caller.

    Nothing happens to an order that is not pending, or that expires then anyway. One statement.
    """
    with atomic():
        if order.status != OrderStatus.PENDING or order.expires_at == to:
            return
        order.expires_at = to
        order.version += 1
        order.save(update_fields=["expires_at", "version", "updated_at"])
