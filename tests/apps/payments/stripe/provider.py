"""The stand-in for Stripe, the settings that lead to it, and attempts to pay by it."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from apps.payments.gateways.base import (
    Attempt,
    Buyer,
    CancelRequest,
    CaptureRequest,
    Fact,
    FetchRequest,
    RefundRequest,
    StartRequest,
    StartResult,
    WebhookMessage,
)
from apps.payments.gateways.stripe import StripeGateway
from core import clock
from core.ids import new_id
from tests.factories import ADDRESS
from tests.fakes.stripe_provider import StripeFake

GATEWAY = StripeGateway()
KEY = "sk_test_fake"
SECRET = "whsec_fake"


def use_fake(settings: Any, fake: StripeFake) -> None:
    """Point the shop to the stand-in."""
    settings.STRIPE_SECRET_KEY = fake.secret_key
    settings.STRIPE_WEBHOOK_SECRETS = [fake.webhook_secret]
    settings.STRIPE_API_URL = fake.url
    settings.STRIPE_CAPTURE_METHOD = "automatic"
    settings.STRIPE_PAYMENT_METHOD_TYPES = []
    settings.STRIPE_TIMEOUT_SECONDS = 8


def make_attempt(amount: str = "19.99", currency: str = "USD", **more: str) -> Attempt:
    return Attempt(
        id=new_id(),
        amount=Decimal(amount),
        currency=currency,
        order_id=new_id(),
        order_number="ABCD-EFGH-JKLM",
        **more,  # type: ignore[arg-type]
    )


def id_made(at: dt.datetime) -> uuid.UUID:
    """Return an id as it would have been made then."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(int=(milliseconds << 80) | (new_id().int & ((1 << 80) - 1)))


def start(attempt: Attempt, *, now: dt.datetime | None = None) -> StartResult:
    buyer = Buyer(email="ada@example.com", language="en", address=ADDRESS)
    return GATEWAY.start(StartRequest(attempt=attempt, buyer=buyer, now=now or clock.now()))


def fetch(attempt: Attempt, **more: Any) -> tuple[Fact, ...]:
    return GATEWAY.fetch(FetchRequest(attempt=attempt, now=clock.now(), **more))


def cancel(attempt: Attempt) -> tuple[Fact, ...]:
    return GATEWAY.cancel(CancelRequest(attempt=attempt, now=clock.now()))


def capture(attempt: Attempt) -> tuple[Fact, ...]:
    return GATEWAY.capture(CaptureRequest(attempt=attempt, now=clock.now()))


def refund_request(attempt: Attempt, amount: str = "5.00", *, refund_id: uuid.UUID | None = None) -> RefundRequest:
    return RefundRequest(
        attempt=attempt,
        refund_id=refund_id or new_id(),
        amount=Decimal(amount),
        reason="goodwill",
        capture_reference="",
        now=clock.now(),
    )


def read(fake: StripeFake, event: dict[str, Any]) -> WebhookMessage:
    """Return what the gateway makes of one delivery of the event."""
    body, headers = fake.signed(event)
    return GATEWAY.read_webhook(body=body, headers=headers, now=clock.now())


def words(facts: tuple[Fact, ...] | None) -> list[tuple[str, str, str]]:
    """Return (kind, amount, currency) of each fact."""
    return [(fact.kind.value, str(fact.amount), fact.currency) for fact in facts or ()]


def names(facts: tuple[Fact, ...] | None) -> list[tuple[str, str]]:
    """Return (kind, reference) of each fact: what makes it one thing."""
    return [(fact.kind.value, fact.reference) for fact in facts or ()]
