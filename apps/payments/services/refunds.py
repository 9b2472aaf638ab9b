"""Money on its way back: never more than came, and never twice for one reason.

A refund's row is committed before the provider is called, and its id is the provider's key: a refund that was begun
and lost in a crash is carried out again and has one effect.
"""

import dataclasses
import datetime as dt
import logging
import uuid
from decimal import Decimal

from apps.accounts.models import User
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from apps.payments.errors import PaymentNotFound, ProviderContradiction, ProviderUnavailable, RefundTooLarge
from apps.payments.folding import surplus
from apps.payments.gateways.base import GatewayError, RefundRequest, RefundResult
from apps.payments.gateways.registry import gateway_of
from apps.payments.models import Payment, Refund
from apps.payments.selectors import OrderAccount, read_account, refunds_to_carry_out
from apps.payments.services.attempts import describe
from apps.payments.services.mismatches import report_mismatch
from apps.payments.services.refund_rows import fail_refund, replace_unknown
from apps.payments.services.refundable import amounts_under_way, refundable
from apps.payments.services.schedule import refund_inquiry_at
from apps.payments.services.settlement import settle
from apps.payments.states import EntryKind, RefundCause, RefundState
from core.money import ZERO, format_amount
from core.transactions import atomic

REFUNDS_PER_RUN = 100
logger = logging.getLogger("shop.payments")


def refund_payment(
    *, payment_id: uuid.UUID, amount: Decimal | None = None, reason: str, actor: User | None, now: dt.datetime
) -> Refund:
    """`amount` of the payment (all that is left, if None) is on its way back, or the refund has failed. Returns it.

    Locks the order, not while the provider is called. Raises PaymentNotFound, RefundTooLarge with nothing changed,
    and ProviderUnavailable: the refund then stays pending and is carried out by the periodic sweep.
    """
    order_id = Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise PaymentNotFound
    with atomic():
        order = lock_order(order_id)
        refund = _open_refund(order, payment_id, amount, reason, actor)
    return carry_out_refund(refund=refund, now=now)


def return_money_owed(
    *, order_id: uuid.UUID, latest_payment_id: uuid.UUID | None = None, now: dt.datetime
) -> list[Refund]:
    """Whatever came for the order and is not the shop's to keep is on its way back. Returns the refunds.

    All money of a cancelled order, else what exceeds its total, from the payment that came last. Harmless when called
    again: what is refunded or on its way is counted. Raises ProviderUnavailable, to be called again.
    """
    with atomic():
        _open_refunds_owed(lock_order(order_id), latest_payment_id)
    own = Refund.objects.untold().exclude(cause=RefundCause.REQUESTED).filter(payment__order_id=order_id)
    waiting = own.select_related("payment__order").order_by("created_at", "id")
    return [carry_out_refund(refund=refund, now=now) for refund in list(waiting)]


def carry_out_refund(*, refund: Refund, now: dt.datetime) -> Refund:
    """The provider has been told, and what it says is recorded. Returns the refund.

    Telling it again has no second effect. A refusal for good makes the refund failed, which frees its amount. Raises
    ProviderUnavailable when nobody knows, and ProviderContradiction: the refund stays pending.
    """
    payment = refund.payment
    try:
        result = gateway_of(payment.provider).refund(_request_for(refund, now))
    except GatewayError as error:
        if not error.permanent:
            raise ProviderUnavailable from error
        return _record_failure(refund, error.code, now)
    with atomic():
        order = lock_order(payment.order_id)
        _record_result(order, refund, result, now)
        facts = [dataclasses.replace(fact, refund_id=refund.pk) for fact in result.facts]
        settle(order=order, payment_id=payment.pk, facts=facts, now=now, actor=refund.actor)
        refund.refresh_from_db(fields=["state", "provider_reference", "failure_code"])
    return refund


def carry_out_waiting_refunds(*, now: dt.datetime) -> int:
    """Refunds that were begun and never heard of again have been told to their provider. Returns how many."""
    return sum(_try_to_carry_out(refund, now) for refund in refunds_to_carry_out(now=now, limit=REFUNDS_PER_RUN))


def _open_refund(
    order: Order, payment_id: uuid.UUID, amount: Decimal | None, reason: str, actor: User | None
) -> Refund:
    payment = read_account(order.pk).payments[payment_id]
    payment.order = order  # carrying the refund out needs it, and has it here
    left = refundable(payment, under_way=amounts_under_way(order))
    wanted = left if amount is None else amount
    if not ZERO < wanted <= left:
        told = format_amount(left, payment.currency)
        raise RefundTooLarge(f"{told} {payment.currency} can be refunded.", refundable=told, currency=payment.currency)
    return Refund.objects.create(
        payment=payment, amount=wanted, currency=payment.currency, reason=reason[:200], actor=actor
    )


def _open_refunds_owed(order: Order, latest_payment_id: uuid.UUID | None) -> None:
    account, under_way = read_account(order.pk), amounts_under_way(order)
    left = {pk: refundable(payment, under_way=under_way) for pk, payment in account.payments.items()}
    cancelled = order.status == OrderStatus.CANCELLED
    owed = sum(left.values(), ZERO) if cancelled else _surplus_owed(order, account, under_way)
    cause = RefundCause.ORDER_CANCELLED if cancelled else RefundCause.SURPLUS
    newest_first = reversed(account.payments.values())
    for payment in sorted(newest_first, key=lambda payment: payment.pk != latest_payment_id):
        share = min(owed, left[payment.pk])
        if share > 0:
            Refund.objects.create(payment=payment, amount=share, currency=payment.currency, cause=cause)
            owed -= share


def _surplus_owed(order: Order, account: OrderAccount, under_way: dict[uuid.UUID, Decimal]) -> Decimal:
    """Return how much of the surplus has not gone back. Whatever went back without being asked for by a person of the
    shop (our own refunds of surplus, or the provider's) counts as surplus returned."""
    captured = sum((part.captured for part in account.parts()), ZERO)
    gone = sum((part.returned for part in account.parts()), ZERO) + sum(under_way.values(), ZERO)
    asked_for = Refund.objects.filter(payment__order=order, cause=RefundCause.REQUESTED)
    requested = asked_for.exclude(state=RefundState.FAILED).values_list("amount", flat=True)
    returned = max(ZERO, gone - sum(requested, ZERO))
    return max(ZERO, surplus(captured=captured, total=order.total_amount) - returned)


def _request_for(refund: Refund, now: dt.datetime) -> RefundRequest:
    captures = refund.payment.entries.filter(kind=EntryKind.CAPTURED).order_by("occurred_at", "id")
    return RefundRequest(
        attempt=describe(refund.payment),
        refund_id=refund.pk,
        amount=refund.amount,
        reason=refund.reason or refund.cause,
        capture_reference=captures.values_list("reference", flat=True).last() or "",
        now=now,
    )


def _record_result(order: Order, refund: Refund, result: RefundResult, now: dt.datetime) -> None:
    """Write what the provider calls the refund, and nothing else of it: a twin of this call may have ended first. If
    its message was here first and could not tell whose refund it was, the row made for it gives way to the refund's
    own. Without a fact the provider is asked again later."""
    ours = Refund.objects.filter(pk=refund.pk)
    if replace_unknown(order=order, payment=refund.payment, reference=result.reference, now=now):
        ours.filter(state=RefundState.PENDING).update(state=RefundState.SUCCEEDED)
    ours.update(provider_reference=result.reference, updated_at=now)
    if not result.facts:
        asked_at = refund_inquiry_at(told_at=now, now=now)
        Payment.objects.filter(pk=refund.payment_id).update(next_inquiry_at=asked_at)


def _record_failure(refund: Refund, code: str, now: dt.datetime) -> Refund:
    with atomic():
        order = lock_order(refund.payment.order_id)
        refund.refresh_from_db(fields=["state", "failure_code"])
        if refund.state == RefundState.PENDING:
            fail_refund(order=order, refund=refund, code=code, now=now)
    return refund


def _try_to_carry_out(refund: Refund, now: dt.datetime) -> bool:
    try:
        carry_out_refund(refund=refund, now=now)
    except ProviderUnavailable as error:
        logger.warning("refund waits", extra={"refund": str(refund.pk), "code": error.code})
        return False
    except ProviderContradiction as error:
        report_mismatch(payment=refund.payment, reference=f"refund:{refund.pk}", detail=error.detail, now=now)
        return False
    return True
