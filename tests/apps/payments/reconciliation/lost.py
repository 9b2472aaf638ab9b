"""What a test loses between a provider and the shop, and the command that is to find it again."""

import datetime as dt
import json
from io import StringIO
from typing import Any
from uuid import UUID

from django.core.management import call_command
from django.db.models import F

from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services.attempts import open_attempt
from apps.payments.services.reconciliation import Report, reconcile
from apps.support.models import Escalation
from core import clock
from core.transactions import atomic
from tests.fakes.stripe_provider import StripeFake

WEBHOOK_SECRET = "whsec_fake"
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


def use_stripe(settings: Any, fake: StripeFake) -> None:
    """Point the shop to the stand-in."""
    settings.STRIPE_SECRET_KEY = fake.secret_key
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    settings.STRIPE_API_URL = fake.url
    settings.STRIPE_TIMEOUT_SECONDS = 5
    settings.PAYMENT_GATEWAYS = {
        **settings.PAYMENT_GATEWAYS,
        "stripe": "apps.payments.gateways.stripe.StripeGateway",
    }
    settings.PAYMENT_PROVIDERS = [*settings.PAYMENT_PROVIDERS, "stripe"]


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command and return its exit code and its report."""
    out = StringIO()
    try:
        call_command("reconcile_payments", "--json", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def run_service(*, later: dt.timedelta = dt.timedelta(0), hours: int = 48, provider: str | None = None) -> Report:
    now = clock.now() + later
    return reconcile(now=now, since=now - dt.timedelta(hours=hours), provider=provider)


def figures(told: dict[str, Any]) -> dict[str, Any]:
    """Return those figures of a report that are not nought."""
    return {name: value for name, value in told.items() if value and name not in ("clean", "cases")}


def unanswered(order: Order, provider: str = "simulated", *, method: str = "") -> Payment:
    """Return an attempt that was committed before the shop died: no provider was told."""
    with atomic():
        return open_attempt(order=lock_order(order.pk), provider=provider, now=clock.now(), payment_method_id=method)


def age(by: dt.timedelta) -> None:
    """Let all payments, refunds and messages be older."""
    Payment.objects.update(created_at=F("created_at") - by)
    Refund.objects.update(created_at=F("created_at") - by)
    WebhookEvent.objects.update(received_at=F("received_at") - by)


def state_of(payment: Payment | UUID) -> str:
    return str(Payment.objects.get(pk=getattr(payment, "pk", payment)).status)


def cases() -> list[tuple[str, str]]:
    """Return (kind, reference) of all escalations, oldest first."""
    return list(Escalation.objects.order_by("created_at", "id").values_list("kind", "reference"))
