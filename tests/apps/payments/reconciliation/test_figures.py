"""The figure of unreconciled money: what counts, what does not, and what it costs to ask."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client

from apps.orders.locks import lock_order
from apps.payments.figures import Doubt, payments_gauges, payments_part, unreconciled_money
from apps.payments.gateways.base import Fact
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services.attempts import open_attempt
from apps.payments.services.mismatches import report_mismatch
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind
from apps.support.services.escalations import resolve_by_reference
from apps.support.states import EscalationKind
from core import clock
from core.transactions import atomic
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import pay

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
HOUR = 60 * MINUTE


def doubted(*, later: dt.timedelta = dt.timedelta(0)) -> dict[str, Doubt]:
    return unreconciled_money(now=clock.now() + later)


def unanswered() -> Payment:
    order = make_order()
    with atomic():
        return open_attempt(order=lock_order(order.pk), provider="simulated", now=clock.now())


def tell(payment: Payment, kind: EntryKind, reference: str) -> Payment:
    fact = Fact(
        kind=kind, amount=payment.amount, currency=payment.currency, reference=reference, occurred_at=clock.now()
    )
    return apply_facts(payment=payment, facts=[fact], now=clock.now())


def pending_refund() -> Refund:
    payment = pay(make_order())
    return Refund.objects.create(payment=payment, amount=Decimal("5.00"), currency="USD", provider_reference="re_1")


def test_a_shop_whose_money_is_accounted_for_is_ok() -> None:
    pay(make_order())
    pay(make_order(), "pm_sim_declined")
    pay(make_order(), "pm_sim_requires_action")
    pay(make_order(payment_method="cod"), provider="cod")
    assert doubted(later=48 * HOUR) == {}
    assert payments_part(clock.now()) == "ok"


@pytest.mark.parametrize(
    ("make", "young", "old", "amount"),
    [
        (unanswered, 4 * MINUTE, 6 * MINUTE, "20.00"),
        (lambda: pay(make_order(), "pm_sim_settles_late"), 59 * MINUTE, 61 * MINUTE, "20.00"),
        (pending_refund, 59 * MINUTE, 61 * MINUTE, "5.00"),
    ],
)
def test_money_is_in_doubt_once_it_has_been_under_way_for_too_long(
    make: Callable[[], object], young: dt.timedelta, old: dt.timedelta, amount: str
) -> None:
    make()
    assert doubted(later=young) == {}
    assert doubted(later=old) == {"USD": Doubt(1, Decimal(amount))}


def test_money_that_is_authorised_waits_for_the_shop_and_is_in_no_doubt() -> None:
    payment = tell(pay(make_order(), "pm_sim_requires_action"), EntryKind.AUTHORISED, "auth_1")
    assert payment.status == "processing"
    assert doubted(later=48 * HOUR) == {}


def test_a_mismatch_counts_until_a_person_has_resolved_it() -> None:
    payment = pay(make_order())
    report_mismatch(payment=payment, reference="case", detail="odd", now=clock.now())
    report_mismatch(payment=None, reference="nobody's", detail="odd", now=clock.now())
    assert doubted() == {"USD": Doubt(1, Decimal("20.00")), "unknown": Doubt(1, Decimal(0))}
    for reference in ("case", "nobody's"):
        resolve_by_reference(
            kind=EscalationKind.PAYMENT_MISMATCH, reference=reference, order=None, resolution="ok", now=clock.now()
        )
    assert doubted() == {}


def test_the_health_check_says_unreconciled_and_stays_up(client: Client) -> None:
    report_mismatch(payment=pay(make_order()), reference="case", detail="odd", now=clock.now())
    answer = client.get("/api/health_check/")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["parts"]["payments"] == "unreconciled"


def test_the_figures_are_in_the_metrics(client: Client) -> None:
    report_mismatch(payment=pay(make_order()), reference="case", detail="odd", now=clock.now())
    overdue = unanswered()
    Payment.objects.filter(pk=overdue.pk).update(next_inquiry_at=clock.now() - 6 * MINUTE)
    WebhookEvent.objects.create(
        provider="simulated", event_id="evt_1", body=b"{}", digest="d", state="quarantined", received_at=clock.now()
    )
    pending_refund()
    told = client.get("/metrics").content.decode().splitlines()
    assert {
        'shop_unreconciled_payments{currency="USD"} 1.0',
        'shop_unreconciled_amount{currency="USD"} 20.0',
        "shop_webhooks_quarantined 1.0",
        "shop_payment_inquiries_overdue 1.0",
        "shop_refunds_pending 1.0",
    } <= set(told)


def test_the_figures_are_there_when_they_are_nought(client: Client) -> None:
    told = client.get("/metrics").content.decode().splitlines()
    assert {'shop_unreconciled_payments{currency="USD"} 0.0', "shop_webhooks_quarantined 0.0"} <= set(told)


def test_asking_costs_few_statements(django_assert_num_queries: Callable[[int], object]) -> None:
    for _ in range(3):
        unanswered()
        pending_refund()
    with django_assert_num_queries(3):  # type: ignore[attr-defined]
        payments_part(clock.now() + 2 * HOUR)
    with django_assert_num_queries(6):  # type: ignore[attr-defined]
        list(payments_gauges(clock.now() + 2 * HOUR))
