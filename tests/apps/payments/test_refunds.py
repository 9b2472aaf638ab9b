"""Refunds: never more than came, once for one reason, and not lost when the line is cut."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from unittest.mock import patch

import pytest

from apps.accounts.models import User
from apps.orders.events import OrderCancelled
from apps.orders.services.cancellation import cancel_order
from apps.payments.errors import PaymentNotFound, ProviderUnavailable, RefundTooLarge
from apps.payments.gateways.base import FetchRequest, GatewayError, RefundRequest, RefundResult
from apps.payments.gateways.simulated import SimulatedGateway
from apps.payments.handlers import refund_cancelled_order
from apps.payments.models import Payment, PaymentEntry, Refund
from apps.payments.services.inquiries import inquire_open_payments
from apps.payments.services.refunds import carry_out_waiting_refunds, refund_payment
from core import clock
from core.events.models import OutboxEvent
from core.events.registry import Envelope
from core.events.worker import deliver_all_due
from core.ids import new_id
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, money_of, pay

pytestmark = pytest.mark.django_db


class Till:
    """The provider's side of refunds: can be out of order, slow, or refuse."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.failure: GatewayError | None = None
        self.slow = False

    def refund(self, gateway: SimulatedGateway, request: RefundRequest) -> RefundResult:
        self.keys.append(request.key)
        result = _refund(gateway, request)
        if self.failure is not None:
            raise self.failure
        return RefundResult(reference=result.reference) if self.slow else result


_refund = SimulatedGateway.refund


@pytest.fixture
def till() -> Iterator[Till]:
    watched = Till()
    with patch.object(SimulatedGateway, "refund", lambda gateway, request: watched.refund(gateway, request)):
        yield watched


def give_back(payment: Payment, amount: str | None = None, actor: User | None = None) -> Refund:
    wanted = None if amount is None else Decimal(amount)
    return refund_payment(payment_id=payment.pk, amount=wanted, reason="goodwill", actor=actor, now=clock.now())


def test_a_part_and_then_the_rest(admin: User) -> None:
    order = make_order()
    payment = pay(order)
    first = give_back(payment, "5.50", admin)
    assert (first.state, money_of(order)) == ("succeeded", ("confirmed", "partially_refunded"))
    second = give_back(payment)
    assert (second.amount, money_of(order)) == (Decimal("14.50"), ("confirmed", "refunded"))
    assert ledger(payment) == [("captured", "20.00"), ("refunded", "5.50"), ("refunded", "14.50")]
    assert PaymentEntry.objects.filter(kind="refunded", actor=admin).count() == 1


@pytest.mark.parametrize("amount", ["20.01", "0.00", "-1.00", "1000000"])
def test_more_than_came_or_nothing_is_refused(amount: str) -> None:
    payment = pay(make_order())
    before = everything()
    with pytest.raises(RefundTooLarge) as refusal:
        give_back(payment, amount)
    assert refusal.value.extra == {"refundable": "20.00", "currency": "USD"}
    assert everything() == before


def test_what_is_on_its_way_cannot_be_refunded_again(till: Till) -> None:
    payment = pay(make_order())
    till.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        give_back(payment, "15.00")
    with pytest.raises(RefundTooLarge) as refusal:
        give_back(payment, "5.01")
    assert refusal.value.extra["refundable"] == "5.00"


def test_a_payment_without_money_has_nothing_to_refund() -> None:
    payment = pay(make_order(), "pm_sim_declined")
    with pytest.raises(RefundTooLarge):
        give_back(payment)
    with pytest.raises(PaymentNotFound):
        refund_payment(payment_id=new_id(), reason="", actor=None, now=clock.now())


def test_a_refund_whose_line_was_cut_is_carried_out_later_with_its_key(till: Till) -> None:
    payment = pay(make_order())
    till.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        give_back(payment)
    till.failure = None
    assert carry_out_waiting_refunds(now=clock.now()) == 0  # its request may still be running
    assert carry_out_waiting_refunds(now=clock.now() + dt.timedelta(seconds=31)) == 1
    assert carry_out_waiting_refunds(now=clock.now() + dt.timedelta(seconds=62)) == 0
    payment.refresh_from_db()
    assert (payment.status, len(till.keys), len(set(till.keys))) == ("refunded", 2, 1)
    assert ledger(payment) == [("captured", "20.00"), ("refunded", "20.00")]


def test_a_refused_refund_frees_its_amount(till: Till) -> None:
    payment = pay(make_order())
    till.failure = GatewayError("account_closed", permanent=True)
    refund = give_back(payment)
    assert (refund.state, refund.failure_code) == ("failed", "account_closed")
    till.failure = None
    assert give_back(payment).state == "succeeded"


def test_a_refund_that_takes_its_time_is_asked_about(till: Till) -> None:
    payment = pay(make_order())
    till.slow = True
    refund = give_back(payment, "7.00")
    assert (refund.state, bool(refund.provider_reference)) == ("pending", True)
    assert carry_out_waiting_refunds(now=clock.now() + dt.timedelta(hours=1)) == 0
    done = _refund(SimulatedGateway(), _request(refund)).facts
    asked: list[FetchRequest] = []

    def fetch(gateway: SimulatedGateway, request: FetchRequest) -> object:
        asked.append(request)
        return done

    with patch.object(SimulatedGateway, "fetch", fetch):
        assert inquire_open_payments(now=clock.now()) == 0
        assert inquire_open_payments(now=clock.now() + dt.timedelta(minutes=1)) == 1
    assert [request.open_refunds for request in asked] == [{refund.pk: refund.provider_reference}]
    refund.refresh_from_db()
    payment.refresh_from_db()
    assert (refund.state, payment.status) == ("succeeded", "partially_refunded")


def _request(refund: Refund) -> RefundRequest:
    from apps.payments.services.refunds import _request_for

    return _request_for(refund, clock.now())


def test_cancelling_a_paid_order_refunds_it_once_even_if_the_handler_runs_twice() -> None:
    order = make_order()
    payment = pay(order)
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    event = OutboxEvent.objects.get(name=OrderCancelled.name)
    envelope = Envelope(event_id=str(event.pk), handler="h", occurred_at="", request_id="", attempt=1)
    for _ in range(3):
        refund_cancelled_order(OrderCancelled(**event.payload), envelope)
    deliver_all_due()
    payment.refresh_from_db()
    assert (payment.status, money_of(order)) == ("refunded", ("cancelled", "refunded"))
    assert [(r.amount, r.cause, r.state) for r in Refund.objects.all()] == [(20, "order_cancelled", "succeeded")]


def test_cancelling_refunds_what_is_left_after_a_partial_refund() -> None:
    order = make_order()
    payment = pay(order)
    give_back(payment, "5.00")
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    deliver_all_due()
    assert ledger(payment) == [("captured", "20.00"), ("refunded", "5.00"), ("refunded", "15.00")]
    assert money_of(order) == ("cancelled", "refunded")


def test_cancelling_an_unpaid_order_stops_its_open_attempt() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    deliver_all_due()
    payment.refresh_from_db()
    assert (payment.status, Refund.objects.count(), money_of(order)) == ("cancelled", 0, ("cancelled", "pending"))


def test_a_provider_that_is_away_makes_the_cancellation_try_again(till: Till) -> None:
    order = make_order()
    payment = pay(order)
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    till.failure = GatewayError("timeout", permanent=False)
    deliver_all_due()
    assert money_of(order) == ("cancelled", "paid")
    till.failure = None
    deliver_all_due(now=clock.now() + dt.timedelta(hours=1))
    payment.refresh_from_db()
    assert (payment.status, Refund.objects.count(), len(set(till.keys))) == ("refunded", 1, 1)
