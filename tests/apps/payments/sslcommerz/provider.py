"""The stand-in for SSLCommerz, the settings that lead to it, and attempts to pay by it."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from apps.payments.gateways.base import (
    Attempt,
    Buyer,
    CancelRequest,
    Fact,
    FetchRequest,
    RefundRequest,
    StartRequest,
    WebhookMessage,
)
from apps.payments.gateways.sslcommerz import SslcommerzGateway
from core import clock
from core.ids import new_id
from tests.factories import ADDRESS
from tests.fakes.sslcommerz_provider import SslcommerzFake

GATEWAY = SslcommerzGateway()
STORE = "teststore"
SECRET = "s3cret@teststore"


def use_fake(settings: Any, fake: SslcommerzFake) -> None:
    """Point the shop to the stand-in."""
    settings.SSLCOMMERZ_STORE_ID = fake.store_id
    settings.SSLCOMMERZ_STORE_PASSWORD = fake.store_password
    settings.SSLCOMMERZ_API_URL = fake.url
    settings.PAYMENT_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.PAYMENT_GATEWAYS = {
        **settings.PAYMENT_GATEWAYS,
        "sslcommerz": "apps.payments.gateways.sslcommerz.SslcommerzGateway",
    }
    settings.PAYMENT_PROVIDERS = ["cod", "simulated", "sslcommerz"]


def make_attempt(amount: str = "1050.00", currency: str = "BDT", **more: str) -> Attempt:
    return Attempt(
        id=new_id(),
        amount=Decimal(amount),
        currency=currency,
        order_id=new_id(),
        order_number="ABCD-EFGH-JKLM",
        **more,
    )


def start_request(attempt: Attempt, *, email: str = "ada@example.com", **address: str) -> StartRequest:
    buyer = Buyer(email=email, language="en", address=ADDRESS | address)
    return StartRequest(attempt=attempt, buyer=buyer, now=clock.now())


def fetch(attempt: Attempt, hint: str = "", **more: Any) -> tuple[Fact, ...]:
    return GATEWAY.fetch(FetchRequest(attempt=attempt, now=clock.now(), hint=hint, **more))


def cancel(attempt: Attempt) -> tuple[Fact, ...]:
    return GATEWAY.cancel(CancelRequest(attempt=attempt, now=clock.now()))


def read(body: bytes) -> WebhookMessage:
    return GATEWAY.read_webhook(body=body, headers={}, now=clock.now())


def refund_request(attempt: Attempt, capture: Fact, amount: str) -> RefundRequest:
    return RefundRequest(
        attempt=attempt,
        refund_id=new_id(),
        amount=Decimal(amount),
        reason="goodwill",
        capture_reference=capture.reference,
        now=clock.now(),
    )


def words(facts: tuple[Fact, ...]) -> list[tuple[str, str, str]]:
    """Return (kind, amount, currency) of each fact."""
    return [(fact.kind.value, str(fact.amount), fact.currency) for fact in facts]


def fields_of(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def soon() -> dt.datetime:
    return clock.now() + dt.timedelta(seconds=60)
