"""What disputes and doubtful money mean for an order: a matter for a person, and goods that wait."""

import datetime as dt
from collections.abc import Sequence

from django.conf import settings

from apps.orders.models import Order
from apps.payments.events import DisputeClosed, DisputeOpened
from apps.payments.folding import DISPUTE_KINDS, Line, is_decided
from apps.payments.gateways.base import Fact
from apps.payments.models import Payment
from apps.payments.states import EntryKind
from apps.support.services.escalations import open_escalation, resolve_by_reference
from apps.support.states import EscalationKind
from core.events.publishing import publish
from core.money import format_amount

_OUTCOMES = {EntryKind.DISPUTE_WON: "won", EntryKind.DISPUTE_LOST: "lost"}


def answer_disputes(
    *, order: Order, payment: Payment, fresh: Sequence[Fact], known: Sequence[Line], now: dt.datetime
) -> None:
    """Each dispute has its escalation, open while undecided, and holds the order's fulfilment until then.

    `known` is the ledger before the fresh facts. Publishes DisputeOpened at the first word of a dispute, whichever
    that is, and DisputeClosed when it is decided.
    """
    about = [fact for fact in fresh if fact.kind in DISPUTE_KINDS]
    for reference in dict.fromkeys(fact.reference for fact in about):
        words = [fact for fact in about if fact.reference == reference]
        before = [line for line in known if line.reference == reference and line.kind in DISPUTE_KINDS]
        if not before:
            _open(order, payment, words, now)
        decision = next((fact for fact in words if fact.kind in _OUTCOMES), None)
        if decision is not None and not is_decided(before, reference):
            _close(order, payment, decision, now)


def answer_risk(*, order: Order, facts: Sequence[Fact], now: dt.datetime) -> None:
    """Money that the provider calls risky is taken, and the goods wait for a person's word. Harmless the second time:
    of two messages about one capture only the later may tell the risk."""
    for fact in facts:
        if fact.kind == EntryKind.CAPTURED and fact.is_risky:
            open_escalation(
                kind=EscalationKind.RISKY_PAYMENT,
                reference=fact.reference,
                order=order,
                title="The provider calls this payment risky",
                detail=f"Check the customer before anything is sent. {fact.detail.get('risk', '')}".strip(),
                amount=fact.amount,
                currency=fact.currency,
                holds_fulfilment=True,
                now=now,
            )


def _open(order: Order, payment: Payment, words: Sequence[Fact], now: dt.datetime) -> None:
    first = words[0]
    is_inquiry = first.amount == 0
    told = f"{format_amount(first.amount or payment.amount, first.currency)} {first.currency}"
    reason = next((fact.detail["reason"] for fact in words if fact.detail.get("reason")), "")
    open_escalation(
        kind=EscalationKind.DISPUTE,
        reference=first.reference,
        order=order,
        title=f"{told} are asked about" if is_inquiry else f"{told} are disputed",
        detail=f"The payer's bank {'asks' if is_inquiry else 'wants the money back'} ({reason or 'no reason given'}).",
        amount=first.amount,
        currency=first.currency,
        holds_fulfilment=settings.DISPUTES_HOLD_FULFILMENT,
        now=now,
    )
    publish(DisputeOpened(**_about(order, payment, first), reason=reason))


def _close(order: Order, payment: Payment, decision: Fact, now: dt.datetime) -> None:
    outcome = _OUTCOMES[decision.kind]
    resolve_by_reference(
        kind=EscalationKind.DISPUTE,
        reference=decision.reference,
        order=order,
        resolution=f"The dispute was {outcome}.",
        now=now,
    )
    publish(DisputeClosed(**_about(order, payment, decision), outcome=outcome))


def _about(order: Order, payment: Payment, fact: Fact) -> dict[str, str]:
    return {
        "order_id": str(order.pk),
        "payment_id": str(payment.pk),
        "amount": format_amount(fact.amount, fact.currency),
        "currency": fact.currency,
        "order_number": order.order_number,
        "reference": fact.reference,
    }
