"""How payments answer what happens to orders and to money."""

import uuid

from apps.orders.events import OrderCancelled, OrderDelivered
from apps.orders.models import OrderStatusChange
from apps.orders.states import OrderStatus, PaymentMethod
from apps.payments.events import SavedMethodsChanged, SurplusReceived
from apps.payments.services.cancelled_orders import settle_cancelled_order
from apps.payments.services.cash import collect_cash as record_cash
from apps.payments.services.refunds import return_money_owed
from apps.payments.services.wallet_sync import sync_saved_methods
from core import clock
from core.events.registry import Envelope, handles


@handles(OrderCancelled, name="payments.refund_cancelled_order")
def refund_cancelled_order(event: OrderCancelled, envelope: Envelope) -> None:
    """Stop what can be stopped and return what was paid."""
    settle_cancelled_order(order_id=uuid.UUID(event.order_id), now=clock.now())


@handles(SurplusReceived, name="payments.return_surplus")
def return_surplus(event: SurplusReceived, envelope: Envelope) -> None:
    """Return money that came twice, or for an order that is cancelled."""
    return_money_owed(
        order_id=uuid.UUID(event.order_id), latest_payment_id=uuid.UUID(event.payment_id), now=clock.now()
    )


@handles(OrderDelivered, name="payments.collect_cash")
def collect_cash(event: OrderDelivered, envelope: Envelope) -> None:
    """Take the cash for collected when the goods were handed over. Who delivered has told it."""
    if event.payment_method != PaymentMethod.COD:
        return
    order_id = uuid.UUID(event.order_id)
    delivery = OrderStatusChange.objects.filter(order_id=order_id, field="status", to_state=OrderStatus.DELIVERED)
    change = delivery.select_related("actor").order_by("created_at", "id").last()
    record_cash(order_id=order_id, actor=change.actor if change else None, now=clock.now())


@handles(SavedMethodsChanged, name="payments.sync_saved_methods")
def sync_methods(event: SavedMethodsChanged, envelope: Envelope) -> None:
    """Look up what the provider keeps for the customer now."""
    sync_saved_methods(provider=event.provider, customer_reference=event.customer_reference)
