"""What SSLCommerz's answers are in the words of the ledger."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from apps.payments.gateways.base import Attempt, Fact, FetchRequest, GatewayError
from apps.payments.gateways.sslcommerz_client import RefundAnswer, Transaction, malformed, read_price
from apps.payments.gateways.sslcommerz_names import name_of
from apps.payments.states import EntryKind

_ENDED = {
    "FAILED": EntryKind.FAILED,
    "CANCELLED": EntryKind.CANCELLED,
    "EXPIRED": EntryKind.CANCELLED,
    "UNATTEMPTED": EntryKind.CANCELLED,
}
# "failed" is an answer to the question, not the end of a refund.
_REFUNDS = {"refunded": EntryKind.REFUNDED, "cancelled": EntryKind.REFUND_FAILED}


def started_fact(attempt: Attempt, now: dt.datetime) -> Fact:
    """Return that the payer has to go to the page: once per attempt, however many pages were opened for it."""
    return end_of(attempt, EntryKind.REQUIRES_ACTION, now)


def end_of(attempt: Attempt, kind: EntryKind, now: dt.datetime, **detail: str) -> Fact:
    """Return a fact about the attempt as a whole, which happens once."""
    return Fact(
        kind=kind,
        amount=attempt.amount,
        currency=attempt.currency,
        reference=f"{name_of(attempt.id)}:{kind.value}",
        occurred_at=now,
        detail=detail,
    )


def validated_fact(transaction: Transaction, request: FetchRequest, told: Mapping[str, str]) -> Fact:
    """Return the capture that a notice announced and the provider has confirmed, as the provider tells it.

    Raises GatewayError: not_validated_yet, or for good unknown_to_provider, other_transaction and, when the signed
    notice had another amount than the provider, notice_contradicts_provider.
    """
    if transaction.status == "INVALID_TRANSACTION":
        raise GatewayError("unknown_to_provider", permanent=True)
    if not transaction.is_paid:
        raise GatewayError("not_validated_yet", permanent=False)
    fact = _captured(transaction, request)
    if _contradicts(told, fact, request.attempt.currency):
        raise GatewayError("notice_contradicts_provider", permanent=True)
    return fact


def facts_of_tries(tries: Sequence[Transaction], request: FetchRequest) -> tuple[Fact, ...]:
    """Return what all tries of an attempt come to.

    Every try that was paid is a capture: two of them are money that came twice. Else, once every try has ended, the
    attempt has; while one is under way, or nobody has tried, there is nothing to tell.
    """
    paid = tuple(_captured(found, request) for found in tries if found.is_paid)
    if paid or not tries or any(found.status not in _ENDED for found in tries):
        return paid
    statuses = {found.status for found in tries}
    status = next(status for status in _ENDED if status in statuses)
    return (end_of(request.attempt, _ENDED[status], request.now, code=status.lower()),)


def refund_facts(answer: RefundAnswer, request: FetchRequest, refund_id: uuid.UUID) -> tuple[Fact, ...]:
    """Return that the refund has arrived or will not, nothing while it is under way."""
    kind = _REFUNDS.get(answer.status)
    if kind is None:
        return ()
    fact = Fact(
        kind=kind,
        amount=request.refund_amounts[refund_id],
        currency=request.attempt.currency,
        reference=request.open_refunds[refund_id],
        occurred_at=request.now,
        detail={"code": f"refund_{answer.status}"} if kind == EntryKind.REFUND_FAILED else {},
        refund_id=refund_id,
    )
    return (fact,)


def _captured(transaction: Transaction, request: FetchRequest) -> Fact:
    """Return the capture with the amount and currency the provider tells, right or wrong: the ledger compares them."""
    if transaction.tran_id != name_of(request.attempt.id):
        raise GatewayError("other_transaction", permanent=True)
    if not transaction.bank_tran_id:
        raise malformed()
    amount, currency = transaction.price.compared_with(request.attempt.currency)
    if amount is None:
        raise malformed()
    return Fact(
        kind=EntryKind.CAPTURED,
        amount=amount,
        currency=currency,
        reference=transaction.bank_tran_id,
        occurred_at=min(transaction.occurred_at or request.now, request.now),
        detail={"method": transaction.method} if transaction.method else {},
        is_risky=transaction.is_risky,
    )


def _contradicts(told: Mapping[str, str], fact: Fact, currency: str) -> bool:
    """Tell whether a notice had another sum than the provider. One that tells none, a bare `val_id`, does not."""
    return "amount" in told and read_price(told).compared_with(currency) != (fact.amount, fact.currency)
