"""What the ledger's words about refunds make of the refunds' rows. The caller holds the order's lock."""

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter

from django.db.models import Q, QuerySet

from apps.orders.models import Order
from apps.orders.services.taking_back import undo_take_back
from apps.orders.states import OrderStatus
from apps.payments.events import MoneyRefunded, RefundFailed
from apps.payments.folding import Line, Part
from apps.payments.gateways.base import Fact
from apps.payments.models import Payment, Refund, RefundLine
from apps.payments.states import EntryKind, RefundCause, RefundState
from apps.support.models import Escalation
from apps.support.services.escalations import open_escalation, resolve_by_reference
from apps.support.states import EscalationKind
from core.events.publishing import publish
from core.money import ZERO, format_amount

ABOUT_REFUNDS = frozenset({EntryKind.REFUNDED, EntryKind.REFUND_FAILED})
_YET_TO_BE_SENT = frozenset({OrderStatus.CONFIRMED, OrderStatus.PROCESSING})
logger = logging.getLogger("shop.payments")


def record_refund_facts(
    *, order: Order, payment: Payment, fresh: Sequence[Fact], lines: Sequence[Line], now: dt.datetime
) -> None:
    """Each refund that was told has a row that says so; one made at the provider's dashboard gets its row now.

    Publishes MoneyRefunded or RefundFailed for each. A refund that failed gives its units back to be refunded again
    and opens an escalation, also when its failure is the first that is heard of it. So does one of another amount than
    was asked for.
    """
    told = [fact for fact in fresh if fact.kind in ABOUT_REFUNDS]
    if not told:
        return
    rows = _rows_of(payment, told)
    failed = {line.reference for line in lines if line.kind == EntryKind.REFUND_FAILED}
    for fact in told:
        refund = _find(rows, fact)
        if fact.kind == EntryKind.REFUND_FAILED:
            code = fact.detail.get("code", "refund_failed")
            rows.append(fail_refund(order=order, refund=refund or _unheard_of(payment, fact), code=code, now=now))
        elif fact.reference not in failed:
            rows.append(_succeed(order, payment, refund, fact))
            _question(order, rows[-1], fact, now)


def question_empty_order(
    *, order: Order, parts: Iterable[Part], currency: str, is_money_back: bool, times_back: int, now: dt.datetime
) -> None:
    """An order that is yet to be sent is held, and a person told, when nothing of its money is left and some of it was
    sent back at the provider's dashboard or lost in a dispute. `parts` are those of its payments.

    What counts is how things stand, not which message came last. Harmless when called again. `is_money_back`: some of
    it has come back just now, so that the order goes on if nothing else holds it; `times_back`: how often some has:
    what is gone again after that is another case.
    """
    parts = list(parts)
    captured, returned = (sum(map(of, parts), ZERO) for of in (attrgetter("captured"), attrgetter("returned")))
    if captured > returned:
        if is_money_back:
            _let_go(order, "The money is here after all.", now)
    elif captured > 0 and order.status in _YET_TO_BE_SENT and _went_unasked(order):
        _hold_empty(order, returned, currency, times_back, now)


def fail_refund(*, order: Order, refund: Refund, code: str, now: dt.datetime) -> Refund:
    """The refund has failed for good: its amount and units may be refunded again, and a person is told. Returns it.

    Harmless the second time. Publishes RefundFailed.
    """
    if refund.state == RefundState.FAILED:
        return refund
    refund.state, refund.failure_code = RefundState.FAILED, code[:100]
    refund.save(update_fields=["state", "failure_code", "updated_at"])
    _give_units_back(order, refund, now)
    amount = format_amount(refund.amount, refund.currency)
    open_escalation(
        kind=EscalationKind.REFUND_FAILED,
        reference=f"refund:{refund.pk}",
        order=order,
        title=f"A refund of {amount} {refund.currency} could not be paid out",
        detail=f"The payment provider refused it ({refund.failure_code}).",
        amount=refund.amount,
        currency=refund.currency,
        now=now,
    )
    publish(
        RefundFailed(
            order_id=str(order.pk),
            payment_id=str(refund.payment_id),
            amount=amount,
            currency=refund.currency,
            refund_id=str(refund.pk),
            order_number=order.order_number,
            code=refund.failure_code,
        )
    )
    logger.error("refund failed", extra={"refund": str(refund.pk), "code": refund.failure_code})
    return refund


def quantities_of(refund: Refund) -> dict[uuid.UUID, int]:
    """Return the units a refund is for, by order item. One statement."""
    return dict(RefundLine.objects.filter(refund=refund).values_list("order_item_id", "quantity"))


def replace_unknown(*, order: Order, payment: Payment, reference: str, now: dt.datetime) -> bool:
    """A refund of that name, taken for one made at the dashboard, is forgotten with what it led to: it is the shop's
    own. Returns whether there was one."""
    unknown = _by_provider(order).filter(payment=payment, provider_reference=reference)
    if not unknown.delete()[0]:
        return False
    if not _by_provider(order).exists():
        _let_go(order, "It was the shop's own refund.", now)
    return True


def _rows_of(payment: Payment, told: Iterable[Fact]) -> list[Refund]:
    references = [fact.reference for fact in told]
    ids = [fact.refund_id for fact in told if fact.refund_id]
    return list(Refund.objects.filter(Q(provider_reference__in=references) | Q(pk__in=ids), payment=payment))


def _find(rows: Iterable[Refund], fact: Fact) -> Refund | None:
    return next((row for row in rows if fact.refund_id == row.pk or fact.reference == row.provider_reference), None)


def _by_provider(order: Order) -> QuerySet[Refund]:
    """Return the order's refunds that somebody made at the provider's dashboard and that did not fail."""
    made = Refund.objects.filter(payment__order=order, cause=RefundCause.PROVIDER)
    return made.exclude(state=RefundState.FAILED)


def _went_unasked(order: Order) -> bool:
    """True if money of the order went back without the shop's doing."""
    is_charged_back = Payment.objects.filter(order=order, charged_back_amount__gt=0).exists()
    return is_charged_back or _by_provider(order).exists()


def _unheard_of(payment: Payment, fact: Fact) -> Refund:
    """Write a refund made at the dashboard, under way as yet."""
    return Refund.objects.create(
        payment=payment,
        amount=fact.amount,
        currency=fact.currency,
        cause=RefundCause.PROVIDER,
        reason=fact.detail.get("reason", "")[:200],
        provider_reference=fact.reference,
    )


def _succeed(order: Order, payment: Payment, refund: Refund | None, fact: Fact) -> Refund:
    refund = refund or _unheard_of(payment, fact)
    refund.state, refund.provider_reference = RefundState.SUCCEEDED, fact.reference
    refund.save()
    publish(
        MoneyRefunded(
            order_id=str(order.pk),
            payment_id=str(payment.pk),
            amount=format_amount(refund.amount, refund.currency),
            currency=refund.currency,
            refund_id=str(refund.pk),
            order_number=order.order_number,
            user_id=str(order.user_id) if order.user_id else None,
            email=order.email,
            language=order.language,
            cause=str(refund.cause),
            reason=refund.reason,
        )
    )
    return refund


def _give_units_back(order: Order, refund: Refund, now: dt.datetime) -> None:
    quantities = quantities_of(refund)
    if quantities or refund.takes_shipping:
        undo_take_back(order=order, quantities=quantities, shipping=refund.takes_shipping, now=now)


def _question(order: Order, refund: Refund, fact: Fact, now: dt.datetime) -> None:
    """Let a person look at a refund of another amount than the shop asked for."""
    if fact.amount == refund.amount:
        return
    told = f"{format_amount(fact.amount, fact.currency)} {fact.currency}"
    asked = format_amount(refund.amount, refund.currency)
    open_escalation(
        kind=EscalationKind.PAYMENT_MISMATCH,
        reference=f"refunded-amount:{refund.pk}",
        order=order,
        title=f"{told} went back, not {asked}",
        detail=f"The provider refunded another amount than it was asked for (payment {refund.payment_id}).",
        amount=fact.amount,
        currency=fact.currency,
        now=now,
    )


def _hold_empty(order: Order, returned: Decimal, currency: str, times_back: int, now: dt.datetime) -> None:
    if _open_cases(order).exists():
        return
    open_escalation(
        kind=EscalationKind.PAYMENT_MISMATCH,
        reference=f"{_all_is_back(order)}{times_back}",
        order=order,
        title=f"{format_amount(returned, currency)} {currency} went back, and nothing is left",
        detail=(
            "The shop did not send back all of it: it was done at the provider, or the payer's bank took it. "
            "Cancel the order, or find out why it is still to be sent."
        ),
        amount=returned,
        currency=currency,
        holds_fulfilment=True,
        now=now,
    )


def _let_go(order: Order, why: str, now: dt.datetime) -> None:
    for reference in _open_cases(order).values_list("reference", flat=True):
        kind = EscalationKind.PAYMENT_MISMATCH
        resolve_by_reference(kind=kind, reference=reference, order=order, resolution=why, now=now)


def _open_cases(order: Order) -> QuerySet[Escalation]:
    cases = Escalation.objects.unresolved().filter(kind=EscalationKind.PAYMENT_MISMATCH, order=order)
    return cases.filter(reference__startswith=_all_is_back(order))


def _all_is_back(order: Order) -> str:
    return f"refunded:{order.pk}:"
