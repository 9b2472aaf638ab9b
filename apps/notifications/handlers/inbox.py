"""Lines of the inbox: an order's for its customer, sales for sellers, what waits for a decision for admins."""

import uuid
from collections.abc import Sequence
from typing import Any

from apps.inventory.events import StockRanLow
from apps.notifications.selectors import admin_ids
from apps.notifications.services.inbox import notify
from apps.notifications.services.operators import hourly_name
from apps.notifications.services.seller_news import find_runner, sales_of
from apps.notifications.states import Kind
from apps.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderEvent,
    OrderPaid,
    OrderRevived,
    OrderShipped,
    OrderTrackingChanged,
)
from apps.orders.selectors import was_revived
from apps.orders.states import PaymentMethod
from apps.payments.events import MoneyRefunded
from apps.payments.states import RefundCause
from apps.support.events import EscalationOpened
from apps.webhooks.events import WebhookEndpointDisabled
from core import clock
from core.events.dead_letters import DeliveryDied
from core.events.registry import Envelope, handles

_DEATHS = uuid.UUID("5b2f2f4e-6c1e-5d3a-9f0e-2f6a1c7d8e90")  # a space of names of its own (uuid5)


@handles(OrderConfirmed, name="notifications.inbox.order_confirmed")
def note_order_confirmed(event: OrderConfirmed, envelope: Envelope) -> None:
    """The customer finds the confirmation."""
    _tell_customer(Kind.ORDER_CONFIRMED, event, envelope)


@handles(OrderPaid, name="notifications.inbox.order_paid")
def note_order_paid(event: OrderPaid, envelope: Envelope) -> None:
    """The customer finds that the money has come; as with the mail, not for cash nor for a revived order."""
    if event.payment_method == PaymentMethod.COD or was_revived(uuid.UUID(event.order_id)):
        return
    _tell_customer(Kind.ORDER_PAID, event, envelope, amount=f"{event.total_amount} {event.currency}")


@handles(OrderShipped, name="notifications.inbox.order_shipped")
def note_order_shipped(event: OrderShipped, envelope: Envelope) -> None:
    """The customer finds that the goods are on their way."""
    _tell_customer(Kind.ORDER_SHIPPED, event, envelope, **_tracking(event))


@handles(OrderTrackingChanged, name="notifications.inbox.order_tracking_changed")
def note_order_tracking_changed(event: OrderTrackingChanged, envelope: Envelope) -> None:
    """The customer finds how the parcel is tracked from now on."""
    _tell_customer(Kind.ORDER_TRACKING_CHANGED, event, envelope, **_tracking(event))


@handles(OrderDelivered, name="notifications.inbox.order_delivered")
def note_order_delivered(event: OrderDelivered, envelope: Envelope) -> None:
    """The customer finds that the goods have arrived."""
    _tell_customer(Kind.ORDER_DELIVERED, event, envelope)


@handles(OrderCancelled, name="notifications.inbox.order_cancelled")
def note_order_cancelled(event: OrderCancelled, envelope: Envelope) -> None:
    """The customer finds that nothing will come."""
    _tell_customer(Kind.ORDER_CANCELLED, event, envelope)


@handles(OrderRevived, name="notifications.inbox.order_revived")
def note_order_revived(event: OrderRevived, envelope: Envelope) -> None:
    """The customer finds that the order is on again."""
    _tell_customer(Kind.ORDER_REVIVED, event, envelope)


@handles(MoneyRefunded, name="notifications.inbox.order_refunded")
def note_order_refunded(event: MoneyRefunded, envelope: Envelope) -> None:
    """The customer finds what came back."""
    _tell_customer(Kind.ORDER_REFUNDED, event, envelope, amount=f"{event.amount} {event.currency}")


@handles(MoneyRefunded, name="notifications.inbox.money_went_back")
def note_money_went_back(event: MoneyRefunded, envelope: Envelope) -> None:
    """Admins find that money went back which nobody in the shop had asked to send."""
    if event.cause != RefundCause.REQUESTED:
        _tell(Kind.MONEY_WENT_BACK, admin_ids(), envelope, **_data(event), amount=f"{event.amount} {event.currency}")


@handles(OrderConfirmed, name="notifications.inbox.new_order")
def note_new_order(event: OrderConfirmed, envelope: Envelope) -> None:
    """Each seller finds how many units of theirs were bought."""
    for sale in sales_of(event.order_id):
        _tell(Kind.NEW_ORDER, [sale.seller_id], envelope, **_data(event), units=sale.units)


@handles(StockRanLow, name="notifications.inbox.low_stock")
def note_low_stock(event: StockRanLow, envelope: Envelope) -> None:
    """The seller finds that a variant runs low."""
    running = find_runner(event)
    if running is not None:
        ids = {"product_id": event.product_id, "variant_id": event.variant_id}
        data: dict[str, Any] = {**ids, "name": running.name, "sku": running.sku, "available": event.available}
        _tell(Kind.LOW_STOCK, [running.seller.pk], envelope, **data)


@handles(EscalationOpened, name="notifications.inbox.escalation")
def note_escalation(event: EscalationOpened, envelope: Envelope) -> None:
    """Admins find what waits for their decision."""
    data = {"escalation_id": event.escalation_id, "title": event.title, "order_number": event.order_number}
    _tell(Kind.ESCALATION, admin_ids(), envelope, **data)


@handles(DeliveryDied, name="notifications.inbox.dead_letter")
def note_dead_letter(event: DeliveryDied, envelope: Envelope) -> None:
    """Admins find that background work waits for them: once an hour for each handler."""
    same = uuid.uuid5(_DEATHS, hourly_name(event.handler, envelope))
    data = {"handler": event.handler, "event": event.event_name, "delivery_id": event.delivery_id}
    notify(kind=Kind.DEAD_LETTER, event_id=str(same), user_ids=admin_ids(), data=data, now=clock.now())


@handles(WebhookEndpointDisabled, name="notifications.inbox.webhook_disabled")
def note_webhook_disabled(event: WebhookEndpointDisabled, envelope: Envelope) -> None:
    """Admins find that nothing is sent to an endpoint any more."""
    data = {"endpoint_id": event.endpoint_id, "host": event.host, "reason": event.reason}
    _tell(Kind.WEBHOOK_DISABLED, admin_ids(), envelope, **data)


def _tell_customer(kind: Kind, event: OrderEvent | MoneyRefunded, envelope: Envelope, **more: str) -> None:
    """A guest has no inbox."""
    if event.user_id is not None:
        people = [uuid.UUID(event.user_id)]
        _tell(kind, people, envelope, language=event.language, **_data(event), **more)


def _data(event: OrderEvent | MoneyRefunded) -> dict[str, str]:
    return {"order_id": event.order_id, "order_number": event.order_number}


def _tracking(event: OrderShipped | OrderTrackingChanged) -> dict[str, str]:
    return {"carrier": event.carrier, "tracking_number": event.tracking_number}


def _tell(kind: Kind, people: Sequence[uuid.UUID], envelope: Envelope, *, language: str = "", **data: Any) -> None:
    notify(kind=kind, event_id=envelope.event_id, user_ids=people, data=data, language=language, now=clock.now())
