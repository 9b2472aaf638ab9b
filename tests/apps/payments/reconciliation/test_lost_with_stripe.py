"""What Stripe said and the shop never heard, found again by `manage.py reconcile_payments`."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.payments.errors import ProviderUnavailable
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services.missed_messages import take_in_missed_messages
from apps.payments.services.refunds import refund_payment
from apps.support.models import Escalation
from core import clock
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, money_of, pay
from tests.apps.payments.reconciliation.lost import HOUR, age, cases, figures, run, state_of, unanswered
from tests.fakes.stripe_provider import StripeFake

pytestmark = pytest.mark.django_db
CARD = "pm_card_visa"


def begin(method: str = "") -> tuple[Order, Payment]:
    order = make_order(payment_method="stripe")
    return order, pay(order, method, provider="stripe")


def lose_the_answer(stripe: StripeFake, path: str, work: Any) -> None:
    """Let Stripe do the work and cut the line before the shop hears of it."""
    stripe.cut_after_accepting(path=path, method="POST")
    with pytest.raises(ProviderUnavailable):
        work()


def heard(stripe: StripeFake, event: dict[str, Any]) -> str:
    """Send an event the usual way, without Stripe learning that it arrived."""
    body, headers = stripe.signed(event)
    kind = headers.pop("Content-Type")
    answer = Client().post("/api/v1/payments/webhook/stripe/", body, content_type=kind, headers=headers)
    return str(answer.json()["status"])


def test_a_payment_whose_webhooks_were_lost_is_paid(stripe: StripeFake) -> None:
    order, payment = begin()
    stripe.pay(payment.transaction_id)
    code, told = run()
    assert (code, told["clean"], money_of(order)) == (0, True, ("confirmed", "paid"))
    assert stripe.charge_count(str(payment.pk)) == 1
    assert figures(run()[1]) == {"asked": 1}


def test_a_charge_whose_answer_was_lost_is_made_once(stripe: StripeFake) -> None:
    order = make_order(payment_method="stripe")
    lose_the_answer(stripe, "/v1/payment_intents", lambda: pay(order, CARD, provider="stripe"))
    payment = Payment.objects.get()
    assert (state_of(payment), ledger(payment)) == ("pending", [])
    age(HOUR)
    code, told = run()
    assert (code, told["clean"], money_of(order)) == (0, True, ("confirmed", "paid"))
    assert (stripe.charge_count(str(payment.pk)), ledger(payment)) == (1, [("captured", "20.00")])


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_lost_charge_for_an_order_cancelled_meanwhile_is_found_and_goes_back(
    is_listed: bool, stripe: StripeFake
) -> None:
    order = make_order(payment_method="stripe")
    lose_the_answer(stripe, "/v1/payment_intents", lambda: pay(order, CARD, provider="stripe"))
    payment = Payment.objects.get()
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    for event in stripe.books.events:
        event["_is_delivered"] = not is_listed
    age(HOUR)
    assert run()[0] == 0
    deliver_all_due()
    assert money_of(order) == ("cancelled", "refunded")
    assert stripe.ledger()[str(payment.pk)] == {"captured": 2000, "refunded": 2000, "charges": 1, "currency": "usd"}


def test_a_card_is_not_charged_for_an_order_cancelled_before_its_provider_was_told(stripe: StripeFake) -> None:
    order = make_order(payment_method="stripe")
    payment = unanswered(order, "stripe", method=CARD)
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    age(HOUR)
    assert run()[0] == 0
    assert (state_of(payment), stripe.charge_count(str(payment.pk))) == ("cancelled", 0)


def test_a_refund_whose_answer_was_lost_is_made_once(stripe: StripeFake) -> None:
    _, payment = begin(CARD)
    lose_the_answer(
        stripe,
        "/v1/refunds",
        lambda: refund_payment(
            payment_id=payment.pk, amount=Decimal("7.50"), reason="broken", actor=None, now=clock.now()
        ),
    )
    assert Refund.objects.get().state == "pending"
    age(HOUR)
    code, told = run()
    assert (code, told["clean"], Refund.objects.get().state) == (0, True, "succeeded")
    payment.refresh_from_db()
    assert (payment.refunded_amount, stripe.ledger()[str(payment.pk)]["refunded"]) == (Decimal("7.50"), 750)
    assert Refund.objects.get().cause == "requested"


def test_a_refund_that_arrived_without_a_word_is_done(stripe: StripeFake) -> None:
    _, payment = begin(CARD)
    stripe.hold_refunds()
    refund = refund_payment(payment_id=payment.pk, reason="", actor=None, now=clock.now())
    assert refund.state == "pending"
    assert figures(run()[1])["asked"] == 1
    assert state_of(payment) == "succeeded"
    stripe.finish_refund(refund.provider_reference)
    assert run()[0] == 0
    assert state_of(payment) == "refunded"


def test_a_refund_that_failed_without_a_word_is_a_case_and_may_be_made_again(stripe: StripeFake) -> None:
    _, payment = begin(CARD)
    refund = refund_payment(payment_id=payment.pk, reason="", actor=None, now=clock.now())
    stripe.fail_refund(refund.provider_reference)
    code, told = run()
    assert (code, [case["kind"] for case in told["cases"]]) == (1, ["refund_failed"])
    refund.refresh_from_db()
    assert (refund.state, state_of(payment)) == ("failed", "succeeded")


def test_what_was_done_at_the_dashboard_is_found_without_any_list_of_events(stripe: StripeFake) -> None:
    _, payment = begin(CARD)
    stripe.refund_at_dashboard(payment.transaction_id, 500)
    for event in stripe.books.events:
        event["_is_delivered"] = True
    assert figures(run()[1]) == {"asked": 1, "healed": 1}
    payment.refresh_from_db()
    assert (payment.refunded_amount, Refund.objects.get().cause) == (Decimal("5.00"), "provider")


def test_a_dispute_nobody_told_of_opens_its_escalation(stripe: StripeFake) -> None:
    order, payment = begin(CARD)
    stripe.open_dispute(payment.transaction_id)
    assert run()[0] == 0
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (payment.disputed_amount, order.is_on_hold) == (Decimal("20.00"), True)
    assert [kind for kind, _ in cases()] == ["dispute"]


def test_the_clock_takes_in_messages_that_were_never_delivered(stripe: StripeFake) -> None:
    order, payment = begin()
    stripe.pay(payment.transaction_id)
    assert take_in_missed_messages(now=clock.now()) == len(WebhookEvent.objects.all()) > 0
    assert money_of(order) == ("confirmed", "paid")
    assert take_in_missed_messages(now=clock.now()) == 0


def test_a_listed_message_that_had_come_after_all_is_passed_over(stripe: StripeFake) -> None:
    order, payment = begin()
    stripe.pay(payment.transaction_id)
    event = stripe.events_of(payment.transaction_id, "payment_intent.succeeded")[0]
    assert heard(stripe, event) == "processed"
    known = WebhookEvent.objects.get()
    WebhookEvent.objects.update(digest="of other bytes")
    take_in_missed_messages(now=clock.now())
    assert WebhookEvent.objects.get(pk=known.pk).state == "processed"
    assert not WebhookEvent.objects.filter(state="quarantined").exists()
    assert money_of(order) == ("confirmed", "paid")


def test_a_message_that_comes_after_it_was_listed_is_a_repeat(stripe: StripeFake) -> None:
    _, payment = begin()
    stripe.pay(payment.transaction_id)
    take_in_missed_messages(now=clock.now())
    before = everything()
    event = stripe.events_of(payment.transaction_id, "payment_intent.succeeded")[0]
    assert heard(stripe, event) == "processed"
    assert everything() == before


def test_a_provider_that_is_away_is_told_of_and_nothing_changes(stripe: StripeFake) -> None:
    payments = [begin()[1] for _ in range(6)]
    stripe.dead()
    before = everything()
    code, told = run()
    assert (code, told["clean"], figures(told)) == (1, False, {"waiting": 7})
    assert everything() == before
    stripe.alive()
    assert figures(run()[1])["asked"] == len(payments)


def test_a_provider_that_does_not_answer_three_times_is_left_alone(stripe: StripeFake) -> None:
    for _ in range(6):
        begin()
    asked = len(stripe.calls)
    stripe.answer_500(times=100)
    assert figures(run()[1]) == {"waiting": 7}
    assert len(stripe.calls) - asked == 3


def test_an_attempt_that_was_never_answered_for_twenty_hours_is_a_case_once(stripe: StripeFake) -> None:
    order = make_order(payment_method="stripe")
    lose_the_answer(stripe, "/v1/payment_intents", lambda: pay(order, CARD, provider="stripe"))
    stripe.dead()
    age(19 * HOUR)
    assert (run()[0], cases()) == (1, [])
    age(2 * HOUR)
    payment = Payment.objects.get()
    for _ in range(2):
        assert (run()[0], cases()) == (1, [("payment_mismatch", f"inquiry:{payment.pk}")])
    stripe.alive()
    assert (run()[0], money_of(order)) == (1, ("confirmed", "paid"))
    assert stripe.charge_count(str(payment.pk)) == 1


def test_a_provider_that_lies_about_the_amount_is_a_case_and_pays_nothing(stripe: StripeFake) -> None:
    order, payment = begin()
    stripe.pay(payment.transaction_id)
    stripe.lie_about(payment.transaction_id, amount=100)
    for event in stripe.books.events:
        event["_is_delivered"] = True
    code, told = run()
    assert (code, figures(told), money_of(order)) == (1, {"mismatches": 1}, ("pending", "pending"))
    assert Escalation.objects.get().kind == "payment_mismatch"
