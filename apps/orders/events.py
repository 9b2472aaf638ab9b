"""News about orders. Every event carries what a mail about it needs; ids and amounts are text."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderEvent(Event):
    """Base: whose order it is about. `user_id` is None for a guest; `language` is that of the checkout."""

    order_id: str
    order_number: str
    user_id: str | None
    email: str
    language: str
    payment_method: str
    total_amount: str
    currency: str

    @property
    def aggregate_id(self) -> str:
        return self.order_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderPlaced(OrderEvent):
    """A cart became an order and its stock is reserved."""

    name: ClassVar[str] = "orders.placed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderConfirmed(OrderEvent):
    """The order is certain: paid, or to be paid on delivery."""

    name: ClassVar[str] = "orders.confirmed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderPaid(OrderEvent):
    """The full amount has been received."""

    name: ClassVar[str] = "orders.paid"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderPaidAfterCancellation(OrderEvent):
    """Money came in for an order that had been cancelled: it must go back."""

    name: ClassVar[str] = "orders.paid_after_cancellation"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderProcessingStarted(OrderEvent):
    """Somebody has begun to pack it."""

    name: ClassVar[str] = "orders.processing_started"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderShipped(OrderEvent):
    """The goods have left; the stock is gone from the shelf.

    `carrier` and `tracking_number` are empty where they are not known; the address to track it is read from the order.
    """

    name: ClassVar[str] = "orders.shipped"
    version: ClassVar[int] = 2

    # Version 1 had neither, and such events may still wait for their handlers.
    carrier: str = ""
    tracking_number: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderTrackingChanged(OrderEvent):
    """What a shipped order says of its parcel has been corrected.

    `carrier` and `tracking_number` are those of now; the address to track it is read from the order.
    """

    name: ClassVar[str] = "orders.tracking_changed"

    carrier: str
    tracking_number: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderDelivered(OrderEvent):
    """The customer has the goods."""

    name: ClassVar[str] = "orders.delivered"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderCancelled(OrderEvent):
    """The order will not be fulfilled; its stock is back. `reason` is "expired" when it was not paid in time.

    `payment_status` is what it was at that moment: what had been paid must be refunded.
    """

    name: ClassVar[str] = "orders.cancelled"

    reason: str
    payment_status: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderReturned(OrderEvent):
    """The goods came back and lie on the shelf again."""

    name: ClassVar[str] = "orders.returned"

    reason: str
    payment_status: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderRevived(OrderEvent):
    """An order that had expired is wanted after all: its money came late, and its stock is reserved again."""

    name: ClassVar[str] = "orders.revived"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderClaimed(OrderEvent):
    """A guest's order belongs to an account now, whose holder has proven the order's address."""

    name: ClassVar[str] = "orders.claimed"
