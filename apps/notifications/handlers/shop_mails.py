"""Mails to those who sell and to those who run the shop."""

from apps.inventory.events import StockRanLow
from apps.notifications.selectors import wants
from apps.notifications.services.mailing import Letter, send_once
from apps.notifications.services.operators import hourly_name, tell_operators
from apps.notifications.services.seller_news import find_runner, tell_sellers_of_order
from apps.notifications.states import Channel, Kind
from apps.orders.events import OrderConfirmed
from apps.payments.events import MoneyRefunded
from apps.payments.states import RefundCause
from apps.support.events import EscalationOpened
from apps.webhooks.events import WebhookEndpointDisabled
from core.events.dead_letters import DeliveryDied
from core.events.registry import Envelope, handles


@handles(MoneyRefunded, name="notifications.operator_refund", queue="mail")
def mail_operator_refund(event: MoneyRefunded, envelope: Envelope) -> None:
    """Tell those who run the shop that money went back which nobody in the shop had asked to send."""
    if event.cause == RefundCause.REQUESTED:
        return
    tell_operators(
        kind="operator_refund",
        wish=Kind.MONEY_WENT_BACK,
        event_id=envelope.event_id,
        reference=event.order_number,
        page=f"payments/payment/{event.payment_id}/change/",
        context={"amount": f"{event.amount} {event.currency}", "cause": event.cause, "number": event.order_number},
    )


@handles(EscalationOpened, name="notifications.operator_escalation", queue="mail")
def mail_operator_escalation(event: EscalationOpened, envelope: Envelope) -> None:
    """Tell those who run the shop that something waits for their decision."""
    tell_operators(
        kind="operator_escalation",
        wish=Kind.ESCALATION,
        event_id=envelope.event_id,
        reference=event.order_number,
        page=f"support/escalation/{event.escalation_id}/change/",
        context={"title": event.title, "number": event.order_number, "holds_fulfilment": event.holds_fulfilment},
    )


@handles(StockRanLow, name="notifications.low_stock", queue="mail")
def mail_low_stock(event: StockRanLow, envelope: Envelope) -> None:
    """Tell the seller that a variant runs low. A seller whose account is closed is not told."""
    running = find_runner(event)
    if running is None or not wants(user_id=event.seller_id, kind=Kind.LOW_STOCK, channel=Channel.MAIL):
        return
    letter = Letter(
        kind="low_stock",
        event_id=envelope.event_id,
        recipient=running.seller.email,
        language="",
        context={
            "name": running.name,
            "sku": running.sku,
            "available": event.available,
            "threshold": event.threshold,
        },
        reference=event.variant_id,
    )
    send_once(letter=letter)


@handles(OrderConfirmed, name="notifications.new_order", queue="mail")
def mail_new_order(event: OrderConfirmed, envelope: Envelope) -> None:
    """Tell each seller what of theirs was bought."""
    tell_sellers_of_order(order_id=event.order_id, order_number=event.order_number, event_id=envelope.event_id)


@handles(DeliveryDied, name="notifications.operator_dead_letter", queue="mail")
def mail_operator_dead_letter(event: DeliveryDied, envelope: Envelope) -> None:
    """Tell those who run the shop that background work waits for a person: once an hour for each handler.

    When the mail server is away for long, many deaths have one cause.
    """
    tell_operators(
        kind="operator_dead_letter",
        wish=Kind.DEAD_LETTER,
        event_id=hourly_name(event.handler, envelope),
        reference=event.handler,
        page=f"core/outboxdelivery/{event.delivery_id}/change/",
        context={"handler": event.handler, "event": event.event_name},
    )


@handles(WebhookEndpointDisabled, name="notifications.operator_webhook_disabled", queue="mail")
def mail_operator_webhook_disabled(event: WebhookEndpointDisabled, envelope: Envelope) -> None:
    """Tell those who run the shop that nothing is sent to an endpoint any more."""
    tell_operators(
        kind="operator_webhook_disabled",
        wish=Kind.WEBHOOK_DISABLED,
        event_id=envelope.event_id,
        reference=event.endpoint_id,
        page=f"webhooks/webhookendpoint/{event.endpoint_id}/change/",
        context={"host": event.host, "reason": event.reason},
    )
