"""How much of an order's money may still go back: what came, less all that is gone, withheld or on its way."""

import uuid
from collections.abc import Mapping
from decimal import Decimal

from apps.orders.models import Order
from apps.payments.models import Payment, Refund
from apps.payments.states import RefundState
from core.money import ZERO


def refundable(payment: Payment, *, under_way: Mapping[uuid.UUID, Decimal]) -> Decimal:
    """Return the most that may be refunded of a payment. No statement.

    To act on it, hold the order's lock, and have both read under it.
    """
    gone: Decimal = payment.returned_amount + payment.disputed_amount + under_way.get(payment.pk, ZERO)
    left: Decimal = payment.captured_amount - gone
    return max(ZERO, left)


def amounts_under_way(order: Order) -> dict[uuid.UUID, Decimal]:
    """Return by payment what is on its way back and not yet in the ledger. One statement."""
    found: dict[uuid.UUID, Decimal] = {}
    pending = Refund.objects.filter(payment__order=order, state=RefundState.PENDING)
    for payment_id, amount in pending.values_list("payment_id", "amount"):
        found[payment_id] = found.get(payment_id, ZERO) + amount
    return found


def richest_payment(order: Order) -> tuple[Payment | None, Decimal]:
    """Return the order's payment with most left to be refunded, the latest of equals, and how much that is.

    None and zero if no payment has anything left. Two statements. To act on it, hold the order's lock.
    """
    under_way = amounts_under_way(order)
    payments = Payment.objects.filter(order=order, captured_amount__gt=0).order_by("created_at", "id")
    best: tuple[Payment | None, Decimal] = (None, ZERO)
    for payment in payments:
        left = refundable(payment, under_way=under_way)
        if left and left >= best[1]:
            payment.order = order
            best = (payment, left)
    return best
