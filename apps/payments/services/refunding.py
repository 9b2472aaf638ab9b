"""A refund that a person asks for: its row, its lines and its units are one act; then the provider is told."""

import datetime as dt
import logging

from apps.orders.locks import lock_order
from apps.orders.models import Order, OrderItem
from apps.orders.services.taking_back import take_back
from apps.payments.errors import ProviderContradiction, ProviderRefused, ProviderUnavailable
from apps.payments.models import Payment, Refund, RefundLine
from apps.payments.services.mismatches import report_mismatch
from apps.payments.services.refund_plans import RefundCommand, RefundPlan, plan_refund
from apps.payments.services.refundable import richest_payment
from apps.payments.services.refunds import carry_out_refund
from apps.payments.states import RefundState
from core.errors import Forbidden
from core.transactions import atomic

REASON_LENGTH = 200
logger = logging.getLogger("shop.payments")


def request_refund(*, command: RefundCommand, now: dt.datetime) -> Refund:
    """The money is on its way back (or has arrived), its units count as refunded and, if wanted, can be sold again.

    Returns the refund, pending when the provider did not answer: it is carried out by the periodic sweep. The same
    request again (by its key) returns the refund it had begun. Locks the order, then stock, not while the provider is
    called. Raises, with nothing changed, what `plan_refund` does, OrderNotFound and Forbidden (neither admin nor
    seller); and ProviderRefused when the provider will never do it (`extra`: provider_code, refund_id): the refund has
    failed and its units may be refunded again.
    """
    with atomic():
        order = _lock(command)
        refund = _find_own(order, command) or _open(order, command, now)
    return _tell_provider(refund, now)


def _lock(command: RefundCommand) -> Order:
    actor = command.actor
    if actor.is_admin:
        return lock_order(command.order_id)
    if not actor.is_seller:
        raise Forbidden("Only the shop and its sellers refund.")
    return lock_order(command.order_id, among=Order.objects.sold_by(actor.pk))


def _find_own(order: Order, command: RefundCommand) -> Refund | None:
    """Return the refund that this very request began before."""
    if not command.request_key:
        return None
    own = Refund.objects.filter(payment__order=order, request_key=command.request_key)
    refund = own.select_related("payment").first()
    if refund is not None:
        refund.payment.order = order
    return refund


def _open(order: Order, command: RefundCommand, now: dt.datetime) -> Refund:
    payment, left = richest_payment(order)
    items = list(OrderItem.objects.filter(order=order).order_by("position", "id"))
    plan = plan_refund(command=command, order=order, items=items, left=left)
    if payment is None:
        raise RuntimeError("a refund was planned for an order without money")
    refund = _write(payment, command, plan)
    if plan.lines or plan.shipping:
        take_back(
            order=order,
            quantities=plan.quantities,
            shipping=plan.shipping,
            restock=command.restock,
            reference=f"refund:{refund.pk}",
            actor=command.actor,
            reason=command.reason,
            now=now,
        )
    return refund


def _write(payment: Payment, command: RefundCommand, plan: RefundPlan) -> Refund:
    refund = Refund(
        payment=payment,
        amount=plan.amount,
        currency=payment.currency,
        reason=command.reason[:REASON_LENGTH],
        takes_shipping=plan.shipping,
        restocked=command.restock and bool(plan.lines),
        request_key=command.request_key,
        actor=command.actor,
    )
    refund.save(force_insert=True)
    rows = [
        RefundLine(
            refund=refund,
            order_item=line.item,
            quantity=line.units,
            amount=line.amount,
            currency=payment.currency,
        )
        for line in plan.lines
    ]
    RefundLine.objects.bulk_create(rows)
    return refund


def _tell_provider(refund: Refund, now: dt.datetime) -> Refund:
    if refund.state == RefundState.PENDING and not refund.provider_reference:
        try:
            refund = carry_out_refund(refund=refund, now=now)
        except ProviderUnavailable as error:
            logger.warning("refund waits", extra={"refund": str(refund.pk), "code": error.code})
        except ProviderContradiction as error:
            report_mismatch(payment=refund.payment, reference=f"refund:{refund.pk}", detail=error.detail, now=now)
    if refund.state == RefundState.FAILED:
        raise ProviderRefused(provider_code=refund.failure_code, refund_id=str(refund.pk))
    return refund
