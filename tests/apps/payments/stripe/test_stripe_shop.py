"""The whole way: an order of the shop is paid at Stripe, heard of by messages or by asking, and the books agree."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.orders.models import Order
from apps.payments.errors import ProviderUnavailable
from apps.payments.models import Payment, PaymentEntry, Refund, WebhookEvent
from apps.payments.services.inquiries import ask_provider
from apps.payments.services.refunds import refund_payment
from apps.payments.states import InboxState, PaymentState
from core import clock
from tests.apps.orders.making import make_order, violations
from tests.apps.payments import paying
from tests.apps.payments.paying import ledger, money_of
from tests.fakes.stripe_provider import StripeFake

pytestmark = pytest.mark.django_db
PATH = "/api/v1/payments/webhook/stripe/"


@pytest.fixture
def order(settings: Any, fake: StripeFake) -> Order:
    settings.PAYMENT_PROVIDERS = ["cod", "simulated", "stripe"]
    return make_order()


def pay(order: Order, method: str = "") -> Payment:
    return paying.pay(order, method, provider="stripe")


def deliver(fake: StripeFake, event: dict[str, Any], *, secret: str | None = None) -> HttpResponse:
    body, headers = fake.signed(event, secret)
    return Client().post(PATH, body, content_type="application/json", headers=headers)  # type: ignore[return-value]


def deliver_all(fake: StripeFake) -> None:
    for event in fake.events:
        assert deliver(fake, event).status_code == 200


def state_of(payment: Payment) -> str:
    return str(Payment.objects.get(pk=payment.pk).status)


def agree(fake: StripeFake, payment: Payment) -> bool:
    """Tell whether Stripe's books and the shop's say the same of the payment's money."""
    ours = Payment.objects.get(pk=payment.pk)
    theirs = fake.ledger()[str(payment.pk)]
    return (theirs["captured"], theirs["refunded"]) == (ours.captured_amount * 100, ours.refunded_amount * 100)


def test_the_client_pays_and_stripe_tells(fake: StripeFake, order: Order) -> None:
    payment = pay(order)
    assert payment.client_secret == fake.show(payment.transaction_id)["client_secret"]
    fake.pay(payment.transaction_id)
    deliver_all(fake)
    assert money_of(order) == ("confirmed", "paid")
    assert len(ledger(payment)) == 1
    assert agree(fake, payment)
    assert violations() == {}


def test_a_declined_try_leaves_the_attempt_open_for_another_card(fake: StripeFake, order: Order) -> None:
    payment = pay(order)
    fake.decline(payment.transaction_id)
    deliver_all(fake)
    assert (state_of(payment), money_of(order)) == (PaymentState.PENDING, ("pending", "pending"))
    assert pay(order).pk == payment.pk
    fake.pay(payment.transaction_id)
    deliver_all(fake)
    assert money_of(order) == ("confirmed", "paid")
    assert agree(fake, payment)


def test_a_saved_card_that_is_declined_ends_the_attempt_and_the_next_one_pays(fake: StripeFake, order: Order) -> None:
    first = pay(order, "pm_card_chargeDeclined")
    assert (first.status, first.client_secret, first.failure_code) == (PaymentState.FAILED, "", "generic_decline")
    second = pay(order, "pm_card_visa")
    deliver_all(fake)
    assert (second.pk != first.pk, second.status, state_of(first)) == (True, "succeeded", "failed")
    assert money_of(order) == ("confirmed", "paid")
    assert fake.charge_count(str(first.pk)) == 0


def test_what_no_message_told_is_found_by_asking(fake: StripeFake, order: Order) -> None:
    payment = pay(order)
    fake.pay(payment.transaction_id)
    fake.refund_at_dashboard(payment.transaction_id, 100)
    payment = ask_provider(payment=Payment.objects.select_related("order").get(pk=payment.pk), now=clock.now())
    assert payment.status == PaymentState.PARTIALLY_REFUNDED
    assert Refund.objects.get(payment=payment).amount == 1
    deliver_all(fake)
    assert len(ledger(payment)) == 2
    assert agree(fake, payment)


def test_a_refund_is_told_three_times_and_happens_once(fake: StripeFake, order: Order) -> None:
    payment = pay(order, "pm_card_visa")
    refund_payment(payment_id=payment.pk, reason="goodwill", actor=None, now=clock.now())
    deliver_all(fake)
    deliver_all(fake)
    assert money_of(order)[1] == "refunded"
    assert Refund.objects.count() == 1
    assert agree(fake, payment)


@pytest.mark.parametrize("works", [True, False])
def test_an_error_of_stripes_does_not_keep_the_customer_from_paying(
    fake: StripeFake, order: Order, works: bool
) -> None:
    fake.answer_500(path="/v1/payment_intents", works=works, method="POST")
    payment = pay(order, "pm_card_visa")
    assert payment.status == PaymentState.SUCCEEDED
    assert fake.charge_count(str(payment.pk)) == 1


def test_an_answer_that_was_lost_is_found_by_the_next_request(fake: StripeFake, order: Order) -> None:
    fake.cut_after_accepting(path="/v1/payment_intents")
    with pytest.raises(ProviderUnavailable):
        pay(order, "pm_card_visa")
    payment = pay(order, "pm_card_visa")
    assert (payment.status, Payment.objects.count()) == (PaymentState.SUCCEEDED, 1)
    assert fake.charge_count(str(payment.pk)) == 1


@pytest.mark.parametrize("lie", [{"amount": 1}, {"currency": "jpy"}])
def test_a_lie_about_the_money_is_put_aside(fake: StripeFake, order: Order, lie: dict[str, Any]) -> None:
    payment = pay(order)
    fake.lie_about(payment.transaction_id, **lie)
    fake.pay(payment.transaction_id)
    deliver_all(fake)
    assert ledger(payment) == []
    assert set(WebhookEvent.objects.filter(payment=payment).values_list("state", flat=True)) >= {
        str(InboxState.QUARANTINED)
    }
    assert money_of(order) == ("pending", "pending")


def test_a_message_nobody_signed_is_not_kept(fake: StripeFake, order: Order) -> None:
    payment = pay(order)
    fake.pay(payment.transaction_id)
    assert [deliver(fake, event, secret="whsec_other").status_code for event in fake.events] == [400] * 3
    assert (WebhookEvent.objects.count(), PaymentEntry.objects.count()) == (0, 0)


def test_a_dispute_takes_the_money_and_winning_gives_it_back(fake: StripeFake, order: Order) -> None:
    payment = pay(order, "pm_card_visa")
    dispute = fake.open_dispute(payment.transaction_id)
    deliver_all(fake)
    order.refresh_from_db()
    assert (order.is_on_hold, Payment.objects.get(pk=payment.pk).disputed_amount) == (True, payment.amount)
    fake.close_dispute(dispute["id"], won=True)
    deliver_all(fake)
    order.refresh_from_db()
    assert (order.is_on_hold, Payment.objects.get(pk=payment.pk).disputed_amount) == (False, 0)
    assert money_of(order) == ("confirmed", "paid")
    assert violations() == {}
