"""Paying an order: one open attempt, begun once however often it is asked for."""

import datetime as dt
from typing import Any
from unittest.mock import patch

import pytest

from apps.accounts.models import User
from apps.orders.errors import OrderNotFound
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal
from apps.orders.services.cancellation import cancel_order
from apps.orders.states import OrderStatus
from apps.payments.errors import OrderNotPayable, PaymentInProgress, ProviderNotOffered, ProviderUnavailable
from apps.payments.gateways.base import Fact, GatewayError, StartRequest, StartResult
from apps.payments.gateways.simulated import SimulatedGateway
from apps.payments.models import Payment, PaymentEntry
from apps.payments.services.inquiries import inquire_open_payments, verify_payment
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind, PaymentState
from core import clock
from tests.apps.orders.making import make_order, make_order_in
from tests.apps.payments.paying import everything, ledger, money_of, pay
from tests.factories import make_user

pytestmark = pytest.mark.django_db


class Line:
    """A line to the provider that can be cut before or after it has heard."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.failure: GatewayError | None = None

    def start(self, gateway: SimulatedGateway, request: StartRequest) -> StartResult:
        self.keys.append(request.key)
        result = _start(gateway, request)
        if self.failure is not None:
            raise self.failure
        return result


_start = SimulatedGateway.start


@pytest.fixture
def line() -> Any:
    watched = Line()
    with patch.object(SimulatedGateway, "start", lambda gateway, request: watched.start(gateway, request)):
        yield watched


def test_a_good_payment_pays_and_confirms_the_order() -> None:
    order = make_order()
    payment = pay(order)
    assert (payment.status, payment.captured_amount, payment.refunded_amount) == ("succeeded", order.total_amount, 0)
    assert money_of(order) == ("confirmed", "paid")
    assert ledger(payment) == [("captured", "20.00")]


def test_a_declined_payment_says_why_and_leaves_the_order_payable() -> None:
    order = make_order()
    declined = pay(order, "pm_sim_declined")
    assert (declined.status, declined.failure_code) == ("failed", "card_declined")
    assert money_of(order) == ("pending", "failed")
    assert pay(order).status == PaymentState.SUCCEEDED
    assert money_of(order) == ("confirmed", "paid")
    assert Payment.objects.filter(order=order).count() == 2


def test_a_new_attempt_that_waits_takes_the_order_from_failed_to_pending() -> None:
    order = make_order()
    pay(order, "pm_sim_declined")
    assert pay(order, "pm_sim_settles_late").status == PaymentState.PROCESSING
    assert money_of(order) == ("pending", "pending")


def test_a_charge_told_twice_is_one_charge() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_settles_twice")
    assert (payment.captured_amount, ledger(payment)) == (order.total_amount, [("captured", "20.00")])


def test_what_requires_action_is_completed_by_asking() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    assert (payment.status, bool(payment.client_secret)) == ("requires_action", True)
    assert money_of(order) == ("pending", "pending")
    verified = verify_payment(principal=OrderPrincipal(user=order.user), payment_id=payment.pk, now=clock.now())
    assert verified.status == PaymentState.SUCCEEDED
    assert money_of(order) == ("confirmed", "paid")


def test_a_late_payment_settles_by_itself() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_settles_late")
    assert inquire_open_payments(now=clock.now()) == 0
    assert inquire_open_payments(now=clock.now() + dt.timedelta(seconds=2)) == 1
    payment.refresh_from_db()
    assert payment.status == PaymentState.PROCESSING
    assert inquire_open_payments(now=clock.now() + dt.timedelta(seconds=6)) == 1
    assert money_of(order) == ("confirmed", "paid")
    assert inquire_open_payments(now=clock.now() + dt.timedelta(seconds=7)) == 0


def test_a_payment_that_waits_for_its_payer_is_asked_about_more_and_more_rarely() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    asked_at = payment.created_at + dt.timedelta(days=1)
    assert [inquire_open_payments(now=asked_at) for _ in range(2)] == [1, 0]
    payment.refresh_from_db()
    assert payment.next_inquiry_at == asked_at + dt.timedelta(hours=6)
    assert money_of(order) == ("pending", "pending")


def test_a_repeat_returns_the_open_attempt(line: Line) -> None:
    order = make_order()
    first = pay(order, "pm_sim_requires_action")
    assert [pay(order, method).pk for method in ("pm_sim_requires_action", "")] == [first.pk, first.pk]
    assert len(line.keys) == 1


def test_another_payment_method_takes_the_place_of_the_one_that_waits_for_its_payer() -> None:
    order = make_order()
    first = pay(order, "pm_sim_requires_action")
    second = pay(order, "pm_sim_success")
    first.refresh_from_db()
    assert (first.status, second.status) == (PaymentState.CANCELLED, PaymentState.SUCCEEDED)
    assert money_of(order) == ("confirmed", "paid")


def test_another_payment_method_does_not_take_the_place_of_money_under_way() -> None:
    order = make_order()
    first = pay(order, "pm_sim_settles_late")
    before = everything()
    with pytest.raises(PaymentInProgress) as refusal:
        pay(order, "pm_sim_success")
    assert refusal.value.extra == {"payment_id": str(first.pk)}
    assert everything() == before


@pytest.mark.parametrize("outcome", ["pm_sim_success", "pm_sim_declined", "pm_sim_settles_late"])
def test_the_same_request_is_the_same_payment_even_when_it_has_ended(line: Line, outcome: str) -> None:
    order = make_order()
    first = pay(order, outcome, key="k" * 64)
    again = pay(order, outcome, key="k" * 64)
    assert (again.pk, again.status) == (first.pk, first.status)
    assert len(line.keys) == 1


def test_another_provider_takes_the_place_of_an_attempt_that_can_be_stopped() -> None:
    order = make_order(payment_method="cod")
    first = pay(order, provider="cod")
    second = pay(order, "pm_sim_requires_action")
    first.refresh_from_db()
    assert (first.status, second.status) == ("cancelled", "requires_action")
    third = pay(order, provider="cod")
    second.refresh_from_db()
    assert (second.status, third.status) == ("cancelled", "pending")


def test_another_provider_waits_while_money_may_be_on_its_way() -> None:
    order = make_order(payment_method="cod")
    pay(order, "pm_sim_settles_late")
    before = everything()
    with pytest.raises(PaymentInProgress):
        pay(order, provider="cod")
    assert everything() == before


def test_a_cut_line_leaves_an_open_attempt_that_is_begun_again_with_its_key(line: Line) -> None:
    order = make_order()
    line.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        pay(order)
    assert (Payment.objects.get().status, PaymentEntry.objects.count()) == ("pending", 0)
    assert money_of(order) == ("pending", "pending")
    line.failure = None
    assert pay(order).status == PaymentState.SUCCEEDED
    assert len(line.keys) == 2
    assert len(set(line.keys)) == 1
    assert PaymentEntry.objects.count() == 1


def test_an_attempt_whose_request_died_is_begun_again_by_the_clock(line: Line) -> None:
    order = make_order()
    line.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        pay(order)
    line.failure = None
    assert inquire_open_payments(now=clock.now()) == 0  # its request may still be running
    assert inquire_open_payments(now=clock.now() + dt.timedelta(seconds=31)) == 1
    assert money_of(order) == ("confirmed", "paid")
    assert len(set(line.keys)) == 1


def test_a_refusal_for_good_is_a_failed_payment(line: Line) -> None:
    order = make_order()
    line.failure = GatewayError("account_closed", permanent=True)
    payment = pay(order)
    assert (payment.status, payment.failure_code) == ("failed", "account_closed")
    assert money_of(order) == ("pending", "failed")


def test_an_unknown_provider_is_refused() -> None:
    order = make_order()
    before = everything()
    for provider in ("stripe", "", "COD"):
        with pytest.raises(ProviderNotOffered):
            pay(order, provider=provider)
    assert everything() == before


def test_cash_on_delivery_is_for_orders_that_chose_it() -> None:
    order = make_order()
    before = everything()
    with pytest.raises(OrderNotPayable):
        pay(order, provider="cod")
    assert everything() == before


def test_cash_on_delivery_waits_for_the_courier_and_may_be_paid_online_instead() -> None:
    order = make_order(payment_method="cod")
    assert pay(order, provider="cod").status == PaymentState.PENDING
    assert money_of(order) == ("confirmed", "pending")
    assert pay(order).status == PaymentState.SUCCEEDED
    assert money_of(order) == ("confirmed", "paid")


def closed_orders() -> list[Order]:
    paid, cancelled = make_order(), make_order_in(OrderStatus.CANCELLED)
    pay(paid)
    returned = make_order_in(OrderStatus.RETURNED, payment_method="cod")
    overdue = make_order()
    Order.objects.filter(pk=overdue.pk).update(expires_at=clock.now() - dt.timedelta(seconds=1))
    return [paid, cancelled, returned, overdue]


def test_paid_cancelled_returned_and_overdue_orders_are_not_payable() -> None:
    orders = closed_orders()
    before = everything()
    for order in orders:
        with pytest.raises(OrderNotPayable):
            pay(order)
    assert everything() == before


def test_somebody_elses_order_does_not_exist(customer: User, seller: User) -> None:
    order = make_order()
    before = everything()
    for stranger in (customer, seller, make_user()):
        with pytest.raises(OrderNotFound):
            pay(order, user=stranger)
    assert everything() == before


def test_an_attempt_at_an_order_that_was_cancelled_meanwhile_returns_its_money() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_settles_late")
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    inquire_open_payments(now=clock.now() + dt.timedelta(seconds=6))
    payment.refresh_from_db()
    assert (payment.status, money_of(order)) == ("succeeded", ("cancelled", "paid"))


def test_an_attempt_nobody_answered_is_not_begun_again_for_an_order_that_is_cancelled(line: Line) -> None:
    order = make_order()
    line.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        pay(order, "pm_sim_settles_late")
    line.failure = None
    cancel_order(order_id=order.pk, actor=None, reason="changed my mind", now=clock.now())

    assert inquire_open_payments(now=clock.now() + dt.timedelta(minutes=1)) == 1
    assert len(line.keys) == 1
    assert Payment.objects.get().status == PaymentState.CANCELLED


def test_an_attempt_whose_payer_was_never_told_how_to_go_on_is_begun_again(line: Line) -> None:
    order = make_order()
    line.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        pay(order, "pm_sim_requires_action")
    line.failure = None
    attempt = Payment.objects.get()
    told_by_message = Fact(
        kind=EntryKind.REQUIRES_ACTION,
        amount=attempt.amount,
        currency=attempt.currency,
        reference="act_1",
        occurred_at=clock.now(),
    )
    apply_facts(payment=attempt, facts=[told_by_message], now=clock.now())

    payment = pay(order, "pm_sim_requires_action")
    assert (payment.pk, payment.status, bool(payment.client_secret)) == (attempt.pk, "requires_action", True)
    assert len(set(line.keys)) == 1
