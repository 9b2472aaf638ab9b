"""Which events are told live, to whom, and what of them."""

import dataclasses
from typing import Any

from apps.live.messages import compose
from apps.orders.events import (
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderDelivered,
    OrderPaid,
    OrderPlaced,
    OrderProcessingStarted,
    OrderReturned,
    OrderRevived,
    OrderShipped,
    OrderTrackingChanged,
)
from apps.orders.states import OrderStatus, PaymentStatus
from apps.payments.events import MoneyRefunded
from core.events.feed import StoredEvent

NOTIFICATION_CREATED = "notifications.created"  # a sibling app's, hence known by its name only
_ORDER_FIELDS = ("order_id", "order_number", "total_amount", "currency", "payment_method")
_TRACKING = ("carrier", "tracking_number")
_MORE_FIELDS = {OrderShipped.name: _TRACKING, OrderTrackingChanged.name: _TRACKING}
_FIELDS = {
    MoneyRefunded.name: ("order_id", "order_number", "amount", "currency", "cause"),
    NOTIFICATION_CREATED: ("notification_id", "kind", "title", "body", "data", "created_at"),
}
# What an event of an order says about the order's state: the fields of the order that have the value now.
_MOVES: dict[str, dict[str, str]] = {
    OrderPlaced.name: {"status": OrderStatus.PENDING.value},
    OrderConfirmed.name: {"status": OrderStatus.CONFIRMED.value},
    OrderPaid.name: {"payment_status": PaymentStatus.PAID.value},
    OrderProcessingStarted.name: {"status": OrderStatus.PROCESSING.value},
    OrderShipped.name: {"status": OrderStatus.SHIPPED.value},
    OrderTrackingChanged.name: {},
    OrderDelivered.name: {"status": OrderStatus.DELIVERED.value},
    OrderCancelled.name: {"status": OrderStatus.CANCELLED.value},
    OrderReturned.name: {"status": OrderStatus.RETURNED.value},
    OrderRevived.name: {"status": OrderStatus.PENDING.value},
    OrderClaimed.name: {},
}
LIVE_EVENTS = (*_MOVES, *_FIELDS)


@dataclasses.dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event as its audience gets it: a user, the guest who holds the token of an order, or both."""

    position: int
    user_id: str | None
    order_id: str | None
    text: str


def shape(event: StoredEvent) -> LiveEvent:
    """Return what is told of an event of LIVE_EVENTS: the fields named above and nothing else of it."""
    payload = event.payload
    fields = _FIELDS.get(event.name) or (*_ORDER_FIELDS, *_MORE_FIELDS.get(event.name, ()))
    data: dict[str, Any] = {name: payload[name] for name in fields if name in payload}
    data |= _MOVES.get(event.name, {})
    data["occurred_at"] = event.occurred_at.isoformat()
    text = compose("event", id=event.position, name=event.name, data=data)
    order_id = None if event.name == NOTIFICATION_CREATED else payload.get("order_id")
    return LiveEvent(position=event.position, user_id=payload.get("user_id"), order_id=order_id, text=text)
