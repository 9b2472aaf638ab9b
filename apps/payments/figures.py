"""Money that nobody can vouch for at this moment, as a word for the health check and as figures for /metrics."""

import dataclasses
import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from apps.payments.models import Payment, PaymentEntry, Refund, WebhookEvent
from apps.payments.states import EntryKind, InboxState, PaymentState, RefundState
from apps.support.models import Escalation
from apps.support.states import EscalationKind
from core.figures import OK, Gauge, gauges, health_part
from core.money import ZERO

UNANSWERED_TOO_LONG = dt.timedelta(minutes=5)
UNDER_WAY_TOO_LONG = dt.timedelta(hours=1)
OVERDUE_AFTER = dt.timedelta(minutes=5)
UNEXPLAINED = (EscalationKind.PAYMENT_MISMATCH, EscalationKind.REFUND_FAILED)
NO_CURRENCY = "unknown"  # a message about a payment nobody knows has no amount


@dataclasses.dataclass(frozen=True, slots=True)
class Doubt:
    """How many payments, refunds and open cases in one currency are not settled, and what they come to."""

    count: int = 0
    amount: Decimal = ZERO

    def plus(self, count: int, amount: Decimal | None) -> "Doubt":
        return Doubt(self.count + count, self.amount + (amount or ZERO))


def unreconciled_money(*, now: dt.datetime) -> dict[str, Doubt]:
    """Return by currency what the shop and its providers have not agreed on. Three statements.

    Attempts whose start nobody has answered for five minutes; payments and refunds under way for more than an hour
    (not those that are authorised and wait for the shop); mismatches and failed refunds that no person has resolved.
    """
    found: dict[str, Doubt] = {}
    for rows in (_open_payments(now), _slow_refunds(now), _open_cases()):
        summed = rows.order_by().values("currency").annotate(count=Count("pk"), total=Sum("amount"))
        for currency, count, total in summed.values_list("currency", "count", "total"):
            name = currency or NO_CURRENCY
            found[name] = found.get(name, Doubt()).plus(count, total)
    return found


@health_part("payments")
def payments_part(now: dt.datetime) -> str:
    """Tell whether all money is accounted for. Three statements."""
    return "unreconciled" if unreconciled_money(now=now) else OK


@gauges("payments")
def payments_gauges(now: dt.datetime) -> Iterable[Gauge]:
    """Yield what an operator watches about money. Six statements."""
    doubts = {settings.STORE_CURRENCY: Doubt(), **unreconciled_money(now=now)}
    yield Gauge(
        "shop_unreconciled_payments",
        "Payments, refunds and open cases the shop and its providers have not agreed on",
        tuple(((currency,), doubt.count) for currency, doubt in sorted(doubts.items())),
        labels=("currency",),
    )
    yield Gauge(
        "shop_unreconciled_amount",
        "What they come to",
        tuple(((currency,), doubt.amount) for currency, doubt in sorted(doubts.items())),
        labels=("currency",),
    )
    quarantined = WebhookEvent.objects.filter(state=InboxState.QUARANTINED)
    overdue = Payment.objects.to_inquire(now=now - OVERDUE_AFTER)
    pending = Refund.objects.filter(state=RefundState.PENDING)
    yield _number("shop_webhooks_quarantined", "Messages of providers that had no effect", quarantined.count())
    yield _number("shop_payment_inquiries_overdue", "Payments nobody has asked about in time", overdue.count())
    yield _number("shop_refunds_pending", "Refunds that have not arrived", pending.count())


def _open_payments(now: dt.datetime) -> QuerySet[Payment]:
    """The partial index of open payments holds all that are looked at."""
    unanswered = Q(transaction_id="", ledger_size=0, created_at__lte=now - UNANSWERED_TOO_LONG)
    is_authorised = Exists(PaymentEntry.objects.filter(payment=OuterRef("pk"), kind=EntryKind.AUTHORISED))
    under_way = Q(status=PaymentState.PROCESSING, created_at__lte=now - UNDER_WAY_TOO_LONG) & ~Q(is_authorised)
    return Payment.objects.open().filter(unanswered | under_way)


def _slow_refunds(now: dt.datetime) -> QuerySet[Refund]:
    return Refund.objects.filter(state=RefundState.PENDING, created_at__lte=now - UNDER_WAY_TOO_LONG)


def _open_cases() -> QuerySet[Escalation]:
    return Escalation.objects.unresolved().filter(kind__in=UNEXPLAINED)


def _number(name: str, help_text: str, value: int) -> Gauge:
    return Gauge(name, help_text, (((), value),))
