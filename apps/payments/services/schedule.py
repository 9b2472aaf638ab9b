"""When a provider is asked again: soon while a payment is young, ever more rarely as it ages."""

import datetime as dt

from django.conf import settings

from apps.payments.gateways.registry import find_gateway
from apps.payments.models import Payment
from apps.payments.states import OPEN_STATES, PaymentState

LONGEST_WAIT = dt.timedelta(hours=6)
LATE_MONEY_WAIT = dt.timedelta(minutes=10)
LATE_MONEY_FOR = dt.timedelta(hours=48)
REFUND_WAIT = dt.timedelta(minutes=1)
_ENDED_WITHOUT_MONEY = frozenset({PaymentState.CANCELLED, PaymentState.FAILED})


def next_inquiry_at(*, payment: Payment, state: PaymentState, now: dt.datetime) -> dt.datetime | None:
    """Return when the provider is to be asked about a payment that stands so, None for never.

    An open attempt is asked about after a quarter of its age, not sooner than its provider allows. One that has ended
    at a provider who cannot stop a payer (`cancel_is_final` is false) is asked about for two days more.
    """
    gateway = find_gateway(payment.provider)
    if gateway is None or gateway.inquiry_seconds is None:
        return None
    age = now - payment.created_at
    if state in OPEN_STATES:
        return now + _wait(age, at_least=dt.timedelta(seconds=gateway.inquiry_seconds))
    if state in _ENDED_WITHOUT_MONEY and not gateway.cancel_is_final and age < LATE_MONEY_FOR:
        return now + _wait(age, at_least=LATE_MONEY_WAIT)
    return None


def refund_inquiry_at(*, told_at: dt.datetime, now: dt.datetime) -> dt.datetime:
    """Return when to ask about a refund that the provider has taken on and not finished."""
    return now + _wait(now - told_at, at_least=REFUND_WAIT)


def hold_until(now: dt.datetime) -> dt.datetime:
    """Return until when money under way keeps an order's stock."""
    return now + dt.timedelta(days=settings.PAYMENT_HOLD_DAYS)


def pay_until(now: dt.datetime) -> dt.datetime:
    """Return until when an order may be paid whose money did not come after all."""
    return now + dt.timedelta(minutes=settings.ORDER_EXPIRY_MINUTES)


def _wait(age: dt.timedelta, *, at_least: dt.timedelta) -> dt.timedelta:
    return min(max(age / 4, at_least), LONGEST_WAIT)
