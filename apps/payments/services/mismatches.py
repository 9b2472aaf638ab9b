"""What a provider says and the shop's books do not: a case for a person, opened once."""

import datetime as dt
import logging

from apps.orders.locks import lock_order
from apps.payments.models import Payment
from apps.support.services.escalations import open_escalation
from apps.support.states import EscalationKind
from core.transactions import atomic

logger = logging.getLogger("shop.payments")


def report_mismatch(*, payment: Payment | None, reference: str, detail: str, now: dt.datetime) -> None:
    """An escalation tells what does not fit, with the payment and its order if they are known. Locks the order.

    Harmless when called again with the same reference. Nothing about the money is changed.
    """
    logger.error("payment mismatch", extra={"reference": reference, "detail": detail})
    with atomic():
        open_escalation(
            kind=EscalationKind.PAYMENT_MISMATCH,
            reference=reference,
            order=lock_order(payment.order_id) if payment else None,
            title="Money that does not fit",
            detail=detail if payment is None else f"Payment {payment.pk} ({payment.provider}): {detail}",
            amount=payment.amount if payment else None,
            currency=payment.currency if payment else "",
            now=now,
        )
