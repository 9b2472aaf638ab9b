"""Whoever may send webhooks: where they go to, and an honest message that would pay an order."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponse
from django.test import Client

from apps.orders.models import Order
from apps.payments.models import Payment, WebhookEvent
from apps.payments.states import EntryKind
from apps.support.models import Escalation
from tests.apps.orders.making import make_order
from tests.apps.payments import paying
from tests.apps.payments.paying import everything, pay
from tests.apps.payments.sslcommerz import provider as sslcommerz
from tests.apps.payments.stripe import provider as stripe
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake

FORM = "application/x-www-form-urlencoded"
Headers = dict[str, str]


@dataclasses.dataclass(kw_only=True)
class Sender:
    """A provider, a payment at it that is paid there, and the message that tells so. `fake` is its stand-in."""

    provider: str
    order: Order
    payment: Payment
    body: bytes
    header: str = ""
    secret: str = ""
    fake: Any = None

    def send(self, body: bytes | None = None, headers: Headers | None = None, **extra: Any) -> HttpResponse:
        """Post a body (the honest one) with headers (those that prove it)."""
        sent = self.body if body is None else body
        kind = FORM if self.provider == "sslcommerz" else "application/json"
        headers = self.proof(sent) if headers is None else headers
        path = f"/api/v1/payments/webhook/{self.provider}/"
        client = Client(raise_request_exception=False)
        return client.post(path, sent, content_type=kind, headers=headers, **extra)  # type: ignore[return-value]

    def proof(self, body: bytes, *, secret: str | None = None, at: float = 0) -> Headers:
        """Return the headers that prove a body, signed `at` seconds from now."""
        if not self.header:
            return {}
        value = paying.signatures.sign(
            body=body, secret=self.secret if secret is None else secret, timestamp=int(time.time() + at)
        )
        return {self.header: value}

    def calls(self) -> int:
        return len(self.fake.calls) if self.fake else 0


@contextmanager
def simulated(settings: Any) -> Iterator[Sender]:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    body = paying.message(payment, EntryKind.CAPTURED)
    yield Sender(
        provider="simulated",
        order=order,
        payment=payment,
        body=body,
        header="Simulated-Signature",
        secret=paying.SECRET,
    )


@contextmanager
def by_stripe(settings: Any) -> Iterator[Sender]:
    with StripeFake() as fake:
        stripe.use_fake(settings, fake)
        settings.PAYMENT_PROVIDERS = ["cod", "simulated", "stripe"]
        order = make_order()
        payment = pay(order, provider="stripe")
        fake.pay(payment.transaction_id)
        (event,) = fake.events_of(payment.transaction_id, "payment_intent.succeeded")
        yield Sender(
            provider="stripe",
            order=order,
            payment=payment,
            body=fake.signed(event)[0],
            header="Stripe-Signature",
            secret=fake.webhook_secret,
            fake=fake,
        )
        assert fake.crashes == []


@contextmanager
def by_sslcommerz(settings: Any) -> Iterator[Sender]:
    with SslcommerzFake(store_id=sslcommerz.STORE, store_password=sslcommerz.SECRET) as fake:
        sslcommerz.use_fake(settings, fake)
        order = make_order()
        payment = pay(order, provider="sslcommerz")
        fake.pay(payment.transaction_id)
        body = fake.ipn(payment.transaction_id)[0]
        yield Sender(provider="sslcommerz", order=order, payment=payment, body=body, fake=fake)
        assert fake.crashes == []


SENDERS: dict[str, Callable[[Any], Any]] = {
    "simulated": simulated,
    "stripe": by_stripe,
    "sslcommerz": by_sslcommerz,
}


@contextmanager
def nothing_happens(sender: Sender) -> Iterator[None]:
    """What is done inside leaves no trace in the shop, and the provider is not asked about it."""
    before, calls = (everything(), Escalation.objects.count()), sender.calls()
    yield
    assert (everything(), Escalation.objects.count()) == before
    assert sender.calls() == calls
    assert not WebhookEvent.objects.exists()
    assert paying.money_of(sender.order) == ("pending", "pending")
