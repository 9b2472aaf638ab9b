"""Facts in every order, any number of times, end in one state of payment, order and ledger."""

import datetime as dt
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.payments.errors import ProviderContradiction
from apps.payments.gateways.base import Fact
from apps.payments.models import Payment, PaymentEntry, Refund
from apps.payments.services.attempts import open_attempt
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind
from core import clock
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, money_of, pay
from tests.factories import make_user

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 5, 1, 12, 0, tzinfo=dt.UTC)


def fact(kind: EntryKind, amount: str = "20.00", reference: str = "", currency: str = "USD") -> Fact:
    return Fact(kind=kind, amount=Decimal(amount), currency=currency, reference=reference or kind.value, occurred_at=AT)


FIVE = (
    fact(EntryKind.REQUIRES_ACTION),
    fact(EntryKind.PROCESSING),
    fact(EntryKind.FAILED),
    fact(EntryKind.CAPTURED),
    fact(EntryKind.REFUNDED, "5.00"),
)


def waiting_payment(order: Order) -> Payment:
    return pay(order, "pm_sim_requires_action")


def state_of(order: Order, payment: Payment) -> tuple[Any, ...]:
    payment.refresh_from_db()
    entries = PaymentEntry.objects.filter(payment=payment).exclude(reference__startswith="act_")
    rows = sorted(entries.values_list("kind", "amount", "currency", "reference", "occurred_at"))
    news = sorted(OutboxEvent.objects.filter(aggregate_id=str(order.pk)).values_list("name", flat=True))
    return (
        money_of(order),
        (payment.status, payment.captured_amount, payment.refunded_amount, payment.ledger_size),
        rows,
        news,
    )


def test_five_facts_in_all_120_orders_each_told_twice_end_in_one_state() -> None:
    user, ends = make_user(), []
    for order_of_arrival in permutations(FIVE):
        order = make_order(user=user)
        payment = waiting_payment(order)
        for one in order_of_arrival:
            apply_facts(payment=payment, facts=[one], now=clock.now())
            apply_facts(payment=payment, facts=[one], now=clock.now())
        ends.append(state_of(order, payment))
    assert len(ends) == 120
    assert ends[0][0] == ("confirmed", "partially_refunded")
    assert ends[0][1] == ("partially_refunded", Decimal("20.00"), Decimal("5.00"), 6)
    assert all(end == ends[0] for end in ends)


def test_all_at_once_is_the_same_as_one_by_one() -> None:
    one_by_one, at_once = make_order(), make_order()
    first, second = waiting_payment(one_by_one), waiting_payment(at_once)
    for one in FIVE:
        apply_facts(payment=first, facts=[one], now=clock.now())
    apply_facts(payment=second, facts=[*FIVE, *FIVE], now=clock.now())
    assert state_of(one_by_one, first) == state_of(at_once, second)


def test_a_known_fact_writes_nothing() -> None:
    payment = waiting_payment(make_order())
    apply_facts(payment=payment, facts=FIVE, now=clock.now())
    before = everything()
    apply_facts(payment=payment, facts=FIVE, now=clock.now() + dt.timedelta(hours=1))
    assert everything() == before


@pytest.mark.parametrize(
    "lie",
    [
        fact(EntryKind.CAPTURED, "19.99"),
        fact(EntryKind.CAPTURED, "20.01"),
        fact(EntryKind.CAPTURED, "0.00"),
        fact(EntryKind.CAPTURED, "20.00", currency="EUR"),
        fact(EntryKind.PROCESSING, currency="BDT"),
        fact(EntryKind.REFUNDED, "20.01"),
        fact(EntryKind.REFUNDED, "0.00"),
    ],
)
def test_another_amount_or_currency_is_not_recorded(lie: Fact) -> None:
    payment = waiting_payment(make_order())
    before = everything()
    with pytest.raises(ProviderContradiction):
        apply_facts(payment=payment, facts=[lie], now=clock.now())
    assert everything() == before


def test_refunds_cannot_sum_to_more_than_was_paid() -> None:
    payment = pay(make_order())
    apply_facts(payment=payment, facts=[fact(EntryKind.REFUNDED, "15.00", "a")], now=clock.now())
    before = everything()
    with pytest.raises(ProviderContradiction):
        apply_facts(payment=payment, facts=[fact(EntryKind.REFUNDED, "5.01", "b")], now=clock.now())
    assert everything() == before


def test_money_that_came_twice_goes_back_once() -> None:
    order = make_order()
    payment = pay(order)
    apply_facts(payment=payment, facts=[fact(EntryKind.CAPTURED, reference="second charge")], now=clock.now())
    deliver_all_due()
    deliver_all_due()
    payment.refresh_from_db()
    assert (payment.status, payment.captured_amount, payment.refunded_amount) == ("succeeded", 40, 20)
    assert [(r.amount, r.cause, r.state) for r in Refund.objects.all()] == [(20, "surplus", "succeeded")]
    assert money_of(order) == ("confirmed", "paid")


def test_late_money_for_an_attempt_that_was_replaced_goes_back() -> None:
    order = make_order(payment_method="cod")
    replaced = pay(order, "pm_sim_requires_action")
    pay(order, provider="cod")
    pay(order, "pm_sim_success")
    apply_facts(payment=replaced, facts=[fact(EntryKind.CAPTURED, reference="late")], now=clock.now())
    deliver_all_due()
    replaced.refresh_from_db()
    assert (replaced.status, money_of(order)) == ("refunded", ("confirmed", "paid"))
    assert Refund.objects.count() == 1


def test_late_money_for_a_cancelled_order_goes_back() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_settles_late")
    cancel_order(order_id=order.pk, actor=None, reason="expired", now=clock.now())
    deliver_all_due()
    apply_facts(payment=payment, facts=[fact(EntryKind.CAPTURED)], now=clock.now())
    deliver_all_due()
    payment.refresh_from_db()
    assert (payment.status, money_of(order)) == ("refunded", ("cancelled", "refunded"))
    assert [(r.amount, r.cause) for r in Refund.objects.all()] == [(20, "order_cancelled")]


def test_late_money_for_an_order_whose_money_went_back_leaves_it_refunded() -> None:
    order = make_order(payment_method="cod")
    replaced = pay(order, "pm_sim_requires_action")
    pay(order, provider="cod")
    paid = pay(order, "pm_sim_success")
    apply_facts(payment=paid, facts=[fact(EntryKind.REFUNDED, "20.00")], now=clock.now())
    assert money_of(order) == ("confirmed", "refunded")
    apply_facts(payment=replaced, facts=[fact(EntryKind.CAPTURED, reference="late")], now=clock.now())
    assert money_of(order) == ("confirmed", "refunded")


def test_an_attempt_nobody_answered_has_an_empty_ledger() -> None:
    payment = open_attempt(order=make_order(), provider="simulated", now=clock.now())
    assert (payment.is_started, payment.is_open, ledger(payment)) == (False, True, [])


def test_the_database_refuses_to_change_the_ledger() -> None:
    pay(make_order())
    entry = PaymentEntry.objects.get()
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(Exception, match="append-only"):
        PaymentEntry.objects.update(amount=1)
