"""Cash on delivery: the courier collects, the shop's people tell that it came."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import ClassVar

from apps.payments.gateways.base import (
    CancelRequest,
    CaptureRequest,
    Fact,
    FetchRequest,
    GatewayError,
    RefundRequest,
    RefundResult,
    StartRequest,
    StartResult,
    WebhookMessage,
)
from apps.payments.states import EntryKind


class CashOnDelivery:
    """No provider to talk to: every fact is what a person says, so each has one reference per attempt or refund."""

    name: ClassVar[str] = "cod"
    sends_webhooks: ClassVar[bool] = False
    signature_header: ClassVar[str] = ""
    settles_by_hand: ClassVar[bool] = True
    inquiry_seconds: ClassVar[int | None] = None
    cancel_is_final: ClassVar[bool] = True
    keeps_customers: ClassVar[bool] = False

    def start(self, request: StartRequest) -> StartResult:
        """Return a transaction that waits for the courier."""
        return StartResult(transaction_id=f"cod_{request.attempt.id.hex}")

    def capture(self, request: CaptureRequest) -> tuple[Fact, ...]:
        """Return the fact that the whole amount was handed over."""
        attempt = request.attempt
        return (
            Fact(
                kind=EntryKind.CAPTURED,
                amount=attempt.amount,
                currency=attempt.currency,
                reference=f"cash_{attempt.id.hex}",
                occurred_at=request.now,
            ),
        )

    def cancel(self, request: CancelRequest) -> tuple[Fact, ...]:
        """Return the fact that nobody will collect."""
        attempt = request.attempt
        return (
            Fact(
                kind=EntryKind.CANCELLED,
                amount=attempt.amount,
                currency=attempt.currency,
                reference=f"cancel_{attempt.id.hex}",
                occurred_at=request.now,
            ),
        )

    def refund(self, request: RefundRequest) -> RefundResult:
        """Return the fact that the cash was given back."""
        reference = f"cash_back_{request.refund_id.hex}"
        fact = Fact(
            kind=EntryKind.REFUNDED,
            amount=request.amount,
            currency=request.attempt.currency,
            reference=reference,
            occurred_at=request.now,
        )
        return RefundResult(reference=reference, facts=(fact,))

    def read_webhook(self, *, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> WebhookMessage:
        """Raise GatewayError: couriers send none."""
        raise GatewayError("webhooks_not_configured", permanent=True)

    def reread_webhook(self, *, body: bytes, now: dt.datetime) -> WebhookMessage:
        """Raise GatewayError: couriers send none."""
        raise GatewayError("webhooks_not_configured", permanent=True)

    def fetch(self, request: FetchRequest) -> tuple[Fact, ...]:
        """Return nothing: there is nobody to ask."""
        return ()

    def missed_messages(self, *, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[WebhookMessage, bytes]]:
        """Return nothing: couriers send no messages."""
        return ()
