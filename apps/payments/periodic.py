"""What payments do by the clock."""

import datetime as dt

from apps.payments.services.inbox import apply_waiting_messages
from apps.payments.services.inquiries import inquire_open_payments
from apps.payments.services.missed_messages import take_in_missed_messages
from apps.payments.services.refunds import carry_out_waiting_refunds
from apps.payments.services.replays import open_missing_cases
from core.periodic.registry import every

TWO_DAYS = dt.timedelta(hours=48)


@every(seconds=2, name="payments.inquire_open_payments")
def inquire(now: dt.datetime) -> None:
    """Payments whose provider may have news are up to date."""
    inquire_open_payments(now=now)


@every(seconds=30, name="payments.carry_out_refunds")
def carry_out_refunds(now: dt.datetime) -> None:
    """Refunds that a crash or an outage left behind are told to their provider."""
    carry_out_waiting_refunds(now=now)


@every(seconds=5, name="payments.apply_messages")
def apply_messages(now: dt.datetime) -> None:
    """Messages whose provider could not be asked when they came are applied."""
    apply_waiting_messages(now=now)


@every(seconds=300, name="payments.reconcile")
def reconcile(now: dt.datetime) -> None:
    """Messages that providers wrote and could not deliver are in the inbox."""
    take_in_missed_messages(now=now)


@every(seconds=6 * 3600, name="payments.reconcile_two_days")
def reconcile_two_days(now: dt.datetime) -> None:
    """The same for two days, in case a run before ended half way; and whatever lies in quarantine has its case."""
    take_in_missed_messages(now=now, since=now - TWO_DAYS)
    open_missing_cases(since=now - TWO_DAYS, now=now)
