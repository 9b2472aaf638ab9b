"""Asking the provider what has become of a payment, and taking its word."""

import datetime as dt
import logging
import uuid

from apps.orders.selectors import OrderPrincipal
from apps.orders.states import CLOSED
from apps.payments.errors import ProviderContradiction, ProviderRefused, ProviderUnavailable
from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.registry import gateway_of
from apps.payments.models import Payment, Refund
from apps.payments.selectors import UNHEARD_AFTER, access_payment, payments_to_inquire
from apps.payments.services.attempts import begin_attempt, failure_of, give_up_attempt, question_about
from apps.payments.services.mismatches import report_mismatch
from apps.payments.services.schedule import next_inquiry_at, refund_inquiry_at
from apps.payments.services.settlement import apply_facts

INQUIRIES_PER_RUN = 200
logger = logging.getLogger("shop.payments")


def verify_payment(*, principal: OrderPrincipal, payment_id: uuid.UUID, now: dt.datetime) -> Payment:
    """The principal's payment says what the provider says. Returns it.

    A payment that has ended is returned as it is; an admin's question is always asked.
    Raises PaymentNotFound, ProviderRefused and ProviderUnavailable.
    """
    payment = access_payment(principal=principal, payment_id=payment_id)
    is_admin = principal.user is not None and principal.user.is_admin
    return ask_provider(payment=payment, now=now) if payment.is_open or is_admin else payment


def ask_provider(*, payment: Payment, now: dt.datetime, by_clock: bool = False) -> Payment:
    """What the provider knows of the payment is in its ledger. Returns the payment anew; its order is loaded before.

    An attempt whose start was never answered is begun again, with its key; if its order is closed by now it is given up
    instead, unless it is too late for that. Raises ProviderRefused, ProviderUnavailable and ProviderContradiction.
    """
    if payment.is_open and not payment.is_started:
        return _begin_or_give_up(payment, now)
    request = question_about(payment=payment, now=now, by_clock=by_clock)
    try:
        facts = gateway_of(payment.provider).fetch(request)
    except GatewayError as error:
        raise failure_of(error) from error
    return apply_facts(payment=payment, facts=facts, now=now)


def inquire_open_payments(*, now: dt.datetime) -> int:
    """Payments whose provider may have news have been asked about, the longest overdue first. Returns how many were
    answered.

    One that cannot be asked is logged and waits for its next time: the others do not. An answer that contradicts the
    payment opens an escalation, once.
    """
    return sum(_try_to_ask(payment, now) for payment in payments_to_inquire(now=now, limit=INQUIRIES_PER_RUN))


def _begin_or_give_up(payment: Payment, now: dt.datetime) -> Payment:
    """Nobody is charged for a closed order; but one who was charged already is to get the money back, which begins with
    learning of it: the start, told again, has its first effect and no other."""
    if payment.order.status in CLOSED:
        try:
            return give_up_attempt(payment=payment, now=now)
        except ProviderRefused:
            logger.info("attempt cannot be stopped", extra={"payment": str(payment.pk)})
    return begin_attempt(payment=payment, now=now)


def _try_to_ask(payment: Payment, now: dt.datetime) -> bool:
    if not _put_off(payment, now):
        return False
    try:
        ask_provider(payment=payment, now=now, by_clock=True)
    except ProviderContradiction as error:
        report_mismatch(payment=payment, reference=f"inquiry:{payment.pk}", detail=error.detail, now=now)
        return False
    except (ProviderUnavailable, ProviderRefused) as error:
        logger.warning("inquiry failed", extra={"payment": str(payment.pk), "code": error.code})
        return False
    return True


def _put_off(payment: Payment, now: dt.datetime) -> bool:
    """Set the time of the next question before asking this one; False when another process has just done so."""
    later = next_inquiry_at(payment=payment, state=payment.state, now=now)
    if payment.is_open and not payment.is_started:
        later = max(later or now, now + UNHEARD_AFTER)
    told = Refund.objects.told().filter(payment=payment).values_list("created_at", flat=True).first()
    if told is not None:
        later = refund_inquiry_at(told_at=told, now=now)
    ours = Payment.objects.filter(pk=payment.pk, next_inquiry_at=payment.next_inquiry_at)
    return bool(ours.update(next_inquiry_at=later))
