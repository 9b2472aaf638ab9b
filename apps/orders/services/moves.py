"""Moves of one locked order, collected and then written together.

However many moves an act makes (a payment marks paid and confirms), they cost one UPDATE of the order, one
INSERT of history and one of events, beside what the stock needs.
"""

import datetime as dt
import uuid
from typing import Any

from django.db.models import F, Sum

from apps.accounts.models import User
from apps.inventory.services import reservations
from apps.orders import events
from apps.orders.errors import InvalidTransition, OrderNotPaid, OrderOnHold
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services.news import order_event, tracking_event
from apps.orders.states import KEPT_BY_HOLD, ORDER_TRANSITIONS, REVIVALS, OrderStatus, PaymentMethod, PaymentStatus
from apps.orders.tracking import Tracking
from core.events.publishing import publish
from core.events.registry import Event

_STAMPS: dict[OrderStatus, str] = {
    OrderStatus.CONFIRMED: "confirmed_at",
    OrderStatus.SHIPPED: "shipped_at",
    OrderStatus.DELIVERED: "delivered_at",
    OrderStatus.CANCELLED: "cancelled_at",
}
_NEWS: dict[OrderStatus, type[events.OrderEvent]] = {
    OrderStatus.CONFIRMED: events.OrderConfirmed,
    OrderStatus.PROCESSING: events.OrderProcessingStarted,
    OrderStatus.SHIPPED: events.OrderShipped,
    OrderStatus.DELIVERED: events.OrderDelivered,
    OrderStatus.CANCELLED: events.OrderCancelled,
    OrderStatus.RETURNED: events.OrderReturned,
}
REASON_LENGTH = 200
REVIVED = "revived"


def stock_reference(order_id: uuid.UUID | str) -> str:
    """Return the name under which the order's stock is reserved."""
    return f"order:{order_id}"


def allowed_moves(order: Order) -> list[OrderStatus]:
    """Return where a person may move the order now, in the order of the state table. No statement.

    An order paid online is confirmed by its payment: "confirmed" is offered only when it is paid or is paid
    on delivery. An order on hold is neither packed nor sent.
    """
    onward = ORDER_TRANSITIONS[OrderStatus(order.status)]
    onward = onward if _is_certain(order) else onward - {OrderStatus.CONFIRMED}
    return [status for status in OrderStatus if status in onward and not _is_held_from(order, status)]


def refuse_move(order: Order, to: OrderStatus) -> InvalidTransition:
    """Return the error that tells where the order is, where it was to go and where it may go."""
    told: dict[str, Any] = {
        "from": order.status,
        "to": to.value,
        "allowed": [status.value for status in allowed_moves(order)],
    }
    if to in ORDER_TRANSITIONS[OrderStatus(order.status)]:
        if _is_held_from(order, to):
            return OrderOnHold(f"Order {order.order_number} is on hold and is not sent.", **told)
        return OrderNotPaid(f"Order {order.order_number} is confirmed when it is paid.", **told)
    return InvalidTransition(f"Order {order.order_number} is {order.status} and cannot become {to.value}.", **told)


class OrderMoves:
    """Collects moves of an order whose row the caller has locked. Nothing is written before `write()`."""

    def __init__(self, *, order: Order, actor: User | None, now: dt.datetime) -> None:
        self.order, self.actor, self.now = order, actor, now
        self._changes: list[OrderStatusChange] = []
        self._news: list[Event] = []
        self._touched: set[str] = set()
        self._reached: list[tuple[OrderStatus, str]] = []

    def move_to(self, to: OrderStatus, *, reason: str = "") -> None:
        """Move the order's status. Raises InvalidTransition when the state table has no such move, or OrderOnHold."""
        order, reason = self.order, reason[:REASON_LENGTH]
        if to not in ORDER_TRANSITIONS[OrderStatus(order.status)] or _is_held_from(order, to):
            raise refuse_move(order, to)
        self._record("status", order.status, to, reason)
        order.status = to
        if stamp := _STAMPS.get(to):
            setattr(order, stamp, self.now)
            self._touched.add(stamp)
        if to == OrderStatus.CANCELLED:
            order.cancel_reason, order.expires_at = reason, None
            self._touched |= {"cancel_reason", "expires_at"}
        self._reached.append((to, reason))
        self.tell(_news_of(order, to, reason))

    def expire(self, *, reason: str) -> None:
        """Cancel the order because its deadline has passed; it keeps the deadline, as no other cancelled order does."""
        deadline = self.order.expires_at
        self.move_to(OrderStatus.CANCELLED, reason=reason)
        self.order.expires_at = deadline

    def revive(self) -> None:
        """Take the cancelled order up again. The caller has reserved its stock and knows that it had expired."""
        order = self.order
        to = REVIVALS[OrderStatus(order.status)]
        self._record("status", order.status, to, REVIVED)
        order.status, order.cancelled_at, order.cancel_reason = to, None, ""
        self._touched |= {"cancelled_at", "cancel_reason"}
        self.tell(order_event(events.OrderRevived, order))

    def set_payment_status(self, to: PaymentStatus, *, reason: str = "") -> None:
        """Record the derived payment status; the caller has checked the payment table."""
        self._record("payment_status", self.order.payment_status, to, reason[:REASON_LENGTH])
        self.order.payment_status = to

    def set_tracking(self, tracking: Tracking) -> bool:
        """Take over what is given; return whether the order says anything else than before."""
        changed = {name: text for name, text in tracking.given().items() if getattr(self.order, name) != text}
        for name, text in changed.items():
            setattr(self.order, name, text)
        self._touched |= changed.keys()
        return bool(changed)

    def tell(self, event: Event) -> None:
        """Publish this event with the moves."""
        self._news.append(event)

    def write(self) -> Order:
        """Write order, history, stock (shipped: leaves; cancelled: freed; returned: back) and events."""
        order = self.order
        order.version += 1
        order.save(update_fields=sorted({*self._touched, "version", "updated_at"}))
        OrderStatusChange.objects.bulk_create(self._changes)
        for status, reason in self._reached:
            self._move_stock(status, reason)
        publish(*self._news)
        return order

    def _record(self, field: str, before: str, after: str, reason: str) -> None:
        self._changes.append(
            OrderStatusChange(
                order=self.order,
                field=field,
                from_state=before,
                to_state=str(after),
                reason=reason,
                actor=self.actor,
            )
        )
        self._touched.add(field)

    def _move_stock(self, status: OrderStatus, reason: str) -> None:
        reference = stock_reference(self.order.pk)
        if status == OrderStatus.SHIPPED:
            reservations.commit(reference=reference, actor=self.actor, now=self.now)
        elif status == OrderStatus.CANCELLED:
            reservations.release(reference=reference, now=self.now)
        elif status == OrderStatus.RETURNED:
            reservations.restock(
                reference=reference,
                demand=_units_not_restocked(self.order),
                actor=self.actor,
                reason=reason or "returned",
                now=self.now,
            )


def _is_certain(order: Order) -> bool:
    return order.payment_method == PaymentMethod.COD or order.payment_status == PaymentStatus.PAID


def _is_held_from(order: Order, to: OrderStatus) -> bool:
    return order.is_on_hold and to in KEPT_BY_HOLD


def _news_of(order: Order, to: OrderStatus, reason: str) -> Event:
    if to in {OrderStatus.CANCELLED, OrderStatus.RETURNED}:
        return order_event(_NEWS[to], order, reason=reason, payment_status=str(order.payment_status))
    if to == OrderStatus.SHIPPED:
        return tracking_event(events.OrderShipped, order)
    return order_event(_NEWS[to], order)


def _units_not_restocked(order: Order) -> dict[uuid.UUID, int]:
    """Return the units per variant that did not come back before.

    Read now: lines that were fetched along with the lock may be older than the lock.
    """
    lines = OrderItem.objects.filter(order=order).order_by().values("variant_id")
    left = lines.annotate(units=Sum(F("quantity") - F("restocked_quantity"))).filter(units__gt=0)
    return {line["variant_id"]: line["units"] for line in left}
