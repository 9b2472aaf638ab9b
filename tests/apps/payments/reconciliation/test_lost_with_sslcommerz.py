"""What SSLCommerz did and the shop never heard: it keeps no list of its notices, so that it has to be asked."""

from decimal import Decimal

import pytest

from apps.orders.models import Order
from apps.payments.errors import ProviderUnavailable
from apps.payments.models import Payment, Refund
from apps.payments.services.attempts import give_up_attempt
from apps.payments.services.refunds import refund_payment
from core import clock
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import money_of, pay
from tests.apps.payments.reconciliation.lost import HOUR, age, figures, run, state_of
from tests.fakes.http_server import Request
from tests.fakes.sslcommerz_provider import SslcommerzFake

pytestmark = pytest.mark.django_db


def begin() -> tuple[Order, Payment]:
    order = make_order(payment_method="sslcommerz")
    return order, pay(order, provider="sslcommerz")


def paid(sslcommerz: SslcommerzFake) -> tuple[Order, Payment]:
    order, payment = begin()
    sslcommerz.pay(payment.transaction_id)
    assert figures(run()[1]) == {"asked": 1, "healed": 1}
    payment.refresh_from_db()
    return order, payment


def lose_the_answer_to_a_refund(sslcommerz: SslcommerzFake) -> None:
    """Cut the line after the next refund; the questions before it, to the same address, are answered."""

    def cut(request: Request) -> None:
        if "refund_trans_id" in request.query:
            sslcommerz.during_calls(None)
            sslcommerz.cut_after_accepting(path=request.path)

    sslcommerz.during_calls(cut)


def test_a_payment_whose_notice_was_lost_is_paid(sslcommerz: SslcommerzFake) -> None:
    order, payment = paid(sslcommerz)
    assert money_of(order) == ("confirmed", "paid")
    assert (payment.captured_amount, sslcommerz.charge_count(str(payment.pk))) == (Decimal("20.00"), 1)
    assert figures(run()[1]) == {"asked": 1}


def test_a_session_whose_answer_was_lost_is_opened_again(sslcommerz: SslcommerzFake) -> None:
    order = make_order(payment_method="sslcommerz")
    sslcommerz.cut_after_accepting(path="/gwprocess", method="POST")
    with pytest.raises(ProviderUnavailable):
        pay(order, provider="sslcommerz")
    age(HOUR)
    assert figures(run()[1]) == {"asked": 1, "healed": 1}
    payment = Payment.objects.get()
    assert (payment.status, payment.redirect_url[:7]) == ("requires_action", "http://")


def test_money_on_a_page_that_was_given_up_is_found_and_goes_back(sslcommerz: SslcommerzFake) -> None:
    order, given_up = begin()
    give_up_attempt(payment=given_up, now=clock.now())
    pay(order)
    assert money_of(order) == ("confirmed", "paid")
    sslcommerz.pay(given_up.transaction_id)
    assert figures(run()[1]) == {"asked": 2, "healed": 1}
    deliver_all_due()
    assert run()[0] == 0
    assert (state_of(given_up), money_of(order)) == ("refunded", ("confirmed", "paid"))
    assert sslcommerz.ledger()[str(given_up.pk)]["charges"] == 1


def test_a_refund_that_arrived_without_a_word_is_done(sslcommerz: SslcommerzFake) -> None:
    _, payment = paid(sslcommerz)
    sslcommerz.hold_refunds()
    refund = refund_payment(payment_id=payment.pk, reason="", actor=None, now=clock.now())
    assert (refund.state, figures(run()[1])) == ("pending", {"asked": 1})
    sslcommerz.finish_refund(refund.provider_reference)
    assert (run()[0], state_of(payment)) == (0, "refunded")


def test_a_refund_whose_answer_was_lost_is_made_once(sslcommerz: SslcommerzFake) -> None:
    _, payment = paid(sslcommerz)
    lose_the_answer_to_a_refund(sslcommerz)
    with pytest.raises(ProviderUnavailable):
        refund_payment(payment_id=payment.pk, amount=Decimal("5.00"), reason="", actor=None, now=clock.now())
    age(HOUR)
    code, told = run()
    assert (code, figures(told)) == (0, {"asked": 1, "refunds_carried_out": 1})
    payment.refresh_from_db()
    assert (payment.refunded_amount, Refund.objects.get().state) == (Decimal("5.00"), "succeeded")
    told_twice = [call for call in sslcommerz.calls if call.params.get("refund_trans_id")]
    assert len(told_twice) == 2
    assert len({call.params["refund_trans_id"] for call in told_twice}) == 1
