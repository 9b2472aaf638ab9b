"""Makes order events from an order."""

from typing import Any, TypeVar

from apps.orders.events import OrderEvent, OrderShipped, OrderTrackingChanged
from apps.orders.models import Order
from core.money import format_amount

E = TypeVar("E", bound=OrderEvent)
Tracked = TypeVar("Tracked", OrderShipped, OrderTrackingChanged)


def order_event(kind: type[E], order: Order, **more: Any) -> E:
    """Return the event with what the order says now; `more` holds the fields only this kind has."""
    return kind(
        order_id=str(order.pk),
        order_number=order.order_number,
        user_id=str(order.user_id) if order.user_id else None,
        email=order.email,
        language=order.language,
        payment_method=str(order.payment_method),
        total_amount=format_amount(order.total_amount, order.currency),
        currency=order.currency,
        **more,
    )


def tracking_event(kind: type[Tracked], order: Order) -> Tracked:
    """Return an event that says how the order is tracked now.

    Not where: whoever holds a carrier's address may often redirect the parcel. The order itself tells it to its owner.
    """
    return order_event(kind, order, carrier=order.carrier, tracking_number=order.tracking_number)
