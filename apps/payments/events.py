"""News about money. Amounts and ids are text; `email` and `language` are those of the order."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaymentEvent(Event):
    """Base: money of one payment of one order."""

    order_id: str
    payment_id: str
    amount: str
    currency: str

    @property
    def aggregate_id(self) -> str:
        return self.order_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurplusReceived(PaymentEvent):
    """More money came for an order than it costs, or money for a cancelled one: it must go back."""

    name: ClassVar[str] = "payments.surplus_received"


@dataclasses.dataclass(frozen=True, kw_only=True)
class MoneyRefunded(PaymentEvent):
    """Money went back. `cause` says why: requested, order_cancelled, surplus, or provider (done at its dashboard)."""

    name: ClassVar[str] = "payments.refunded"

    refund_id: str
    order_number: str
    user_id: str | None
    email: str
    language: str
    cause: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefundFailed(PaymentEvent):
    """A refund did not happen, or was undone by the bank days later: somebody has to look."""

    name: ClassVar[str] = "payments.refund_failed"

    refund_id: str
    order_number: str
    code: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DisputeOpened(PaymentEvent):
    """The payer's bank takes the money back until it is decided who keeps it."""

    name: ClassVar[str] = "payments.dispute_opened"

    order_number: str
    reference: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DisputeClosed(PaymentEvent):
    """It is decided: `outcome` is won (the money is the shop's) or lost."""

    name: ClassVar[str] = "payments.dispute_closed"

    order_number: str
    reference: str
    outcome: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SavedMethodsChanged(Event):
    """The payment methods that a provider keeps for one of its customers are not what they were."""

    name: ClassVar[str] = "payments.saved_methods_changed"

    provider: str
    customer_reference: str

    @property
    def aggregate_id(self) -> str:
        return self.customer_reference
