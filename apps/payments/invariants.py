"""What must always be true of money, asked of the whole database."""

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from django.db.models import Count, F

from apps.orders.models import Order
from apps.orders.states import PaymentStatus
from apps.payments.folding import Part, fold_order, fold_payment
from apps.payments.models import Payment
from apps.payments.selectors import with_lines
from apps.payments.states import PaymentState, RefundState
from core.invariants import invariant

CHUNK = 2_000


@invariant("payments.state_equals_fold_of_ledger")
def state_equals_fold() -> Iterable[str]:
    """Status, sums and size of each payment are what its entries amount to."""
    rows = with_lines(Payment.objects.order_by("id"), streamed=True)
    for _, group in groupby(rows, key=lambda row: row[0].pk):
        members = list(group)
        payment, lines = members[0][0], [line for _, line in members if line is not None]
        standing = fold_payment(lines, amount=payment.amount)
        sums = (payment.captured_amount, payment.refunded_amount, payment.disputed_amount, payment.charged_back_amount)
        told = (payment.status, *sums, payment.ledger_size)
        if told != (*dataclasses.astuple(standing), len(lines)):
            yield f"payment {payment.pk} says {told}, its ledger {standing} of {len(lines)} entries"


@invariant("payments.refunded_within_captured_within_amount")
def sums_in_order() -> Iterable[str]:
    """Refunded <= captured; captured <= amount, but for a surplus that has gone back or is on its way."""
    for payment in Payment.objects.filter(refunded_amount__gt=F("captured_amount")):
        yield f"payment {payment.pk} refunded {payment.refunded_amount} of {payment.captured_amount}"
    gone = F("refunded_amount") + F("charged_back_amount") + F("disputed_amount")
    holding = Payment.objects.filter(captured_amount__gt=F("amount") + gone)
    for payment in holding.exclude(refunds__state__in=[RefundState.PENDING, RefundState.FAILED]):
        yield f"payment {payment.pk} holds a surplus: captured {payment.captured_amount} of {payment.amount}"


@invariant("payments.at_most_one_open_attempt")
def one_open_attempt() -> Iterable[str]:
    """No order has two attempts that may still bring money."""
    attempts = Payment.objects.open().order_by().values("order_id").annotate(attempts=Count("pk"))
    for order_id, number in attempts.filter(attempts__gt=1).values_list("order_id", "attempts"):
        yield f"order {order_id} has {number} open payments"


@invariant("payments.order_status_equals_fold_of_payments")
def order_status_equals_fold() -> Iterable[str]:
    """An order's payment status is what its payments amount to. Without payments it is pending."""
    paid_without = Order.objects.filter(payments=None).exclude(payment_status=PaymentStatus.PENDING)
    for number in paid_without.values_list("order_number", flat=True):
        yield f"order {number} has a payment status but no payment"
    rows = Payment.objects.order_by("order_id").select_related("order").defer("order__pricing_steps")
    for _, group in groupby(rows.iterator(chunk_size=CHUNK), key=attrgetter("order_id")):
        yield from _compare(list(group))


def _compare(payments: list[Payment]) -> Iterator[str]:
    order = payments[0].order
    parts = [Part(PaymentState(p.status), p.captured_amount, p.returned_amount) for p in payments]
    folded = fold_order(parts, total=order.total_amount)
    waits_for_retry = {order.payment_status, folded} == {PaymentStatus.FAILED, PaymentStatus.PENDING}
    went_back = {PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED}
    keeps = order.payment_status in went_back and folded == PaymentStatus.PAID  # money came again, see settlement
    # A retry that has begun and not been answered leaves the order at "failed" until it is.
    if folded != order.payment_status and not waits_for_retry and not keeps:
        yield f"order {order.pk} is {order.payment_status}, its payments say {folded}"
