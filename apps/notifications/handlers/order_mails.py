"""Mails to the customer of an order."""

import uuid
from typing import Any

from apps.notifications.selectors import wants
from apps.notifications.services.mailing import Letter, send_once
from apps.notifications.services.order_mails import view_order
from apps.notifications.states import Channel, Kind
from apps.orders.events import (
    OrderCancelled,
    OrderDelivered,
    OrderEvent,
    OrderPaid,
    OrderPlaced,
    OrderRevived,
    OrderShipped,
    OrderTrackingChanged,
)
from apps.orders.models import Order
from apps.orders.selectors import was_revived
from apps.orders.services.expiry import EXPIRED
from apps.orders.states import OrderStatus, PaymentMethod, PaymentStatus
from apps.payments.events import MoneyRefunded
from core.events.registry import Envelope, handles

_PAID = frozenset({PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED})


@handles(OrderPlaced, name="notifications.order_confirmation", queue="mail")
def mail_order_confirmation(event: OrderPlaced, envelope: Envelope) -> None:
    """Tell the customer what was ordered."""
    _mail("order_confirmation", Kind.ORDER_CONFIRMED, event, envelope)


@handles(OrderPaid, name="notifications.order_paid", queue="mail")
def mail_order_paid(event: OrderPaid, envelope: Envelope) -> None:
    """Tell the customer that the money has come.

    Not who paid the courier, and not whose late payment took the order up again: that has its own mail.
    """
    if event.payment_method == PaymentMethod.COD or was_revived(uuid.UUID(event.order_id)):
        return
    _mail("order_paid", Kind.ORDER_PAID, event, envelope)


@handles(OrderShipped, name="notifications.order_shipped", queue="mail")
def mail_order_shipped(event: OrderShipped, envelope: Envelope) -> None:
    """Tell the customer that the goods are on their way."""
    _mail("order_shipped", Kind.ORDER_SHIPPED, event, envelope)


@handles(OrderTrackingChanged, name="notifications.order_tracking_changed", queue="mail")
def mail_order_tracking_changed(event: OrderTrackingChanged, envelope: Envelope) -> None:
    """Tell the customer how the parcel is tracked from now on."""
    _mail("order_tracking_changed", Kind.ORDER_TRACKING_CHANGED, event, envelope)


@handles(OrderDelivered, name="notifications.order_delivered", queue="mail")
def mail_order_delivered(event: OrderDelivered, envelope: Envelope) -> None:
    """Tell the customer that the goods have arrived."""
    _mail("order_delivered", Kind.ORDER_DELIVERED, event, envelope)


@handles(OrderCancelled, name="notifications.order_cancelled", queue="mail")
def mail_order_cancelled(event: OrderCancelled, envelope: Envelope) -> None:
    """Tell the customer that nothing will come, and that what was paid comes back.

    Not if the order has been taken up again since: late money has its own mail.
    """
    if not Order.objects.filter(pk=event.order_id, status=OrderStatus.CANCELLED).exists():
        return
    is_expired, is_paid = event.reason == EXPIRED, event.payment_status in _PAID
    _mail("order_cancelled", Kind.ORDER_CANCELLED, event, envelope, is_expired=is_expired, is_paid=is_paid)


@handles(OrderRevived, name="notifications.order_revived", queue="mail")
def mail_order_revived(event: OrderRevived, envelope: Envelope) -> None:
    """Tell the customer that the late payment counts and the order is on again."""
    _mail("order_revived", Kind.ORDER_REVIVED, event, envelope)


@handles(MoneyRefunded, name="notifications.order_refunded", queue="mail")
def mail_order_refunded(event: MoneyRefunded, envelope: Envelope) -> None:
    """Tell the customer what came back, and why."""
    amount = f"{event.amount} {event.currency}"
    context = {"amount": amount, "cause": event.cause, "reason": event.reason}
    _mail("order_refunded", Kind.ORDER_REFUNDED, event, envelope, **context)


def _mail(template: str, kind: Kind, event: OrderEvent | MoneyRefunded, envelope: Envelope, **context: Any) -> None:
    if not wants(user_id=event.user_id, kind=kind, channel=Channel.MAIL):
        return
    letter = Letter(
        kind=template,
        event_id=envelope.event_id,
        recipient=event.email,
        language=event.language,
        context={"order": view_order(uuid.UUID(event.order_id)), **context},
        reference=event.order_number,
    )
    send_once(letter=letter)
