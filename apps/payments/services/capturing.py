"""Taking money that a provider holds for the shop."""

import datetime as dt
import uuid

from apps.accounts.models import User
from apps.orders.states import OrderStatus, PaymentStatus
from apps.payments.errors import OrderNotPayable, PaymentNotAuthorised, PaymentNotFound
from apps.payments.gateways.base import CaptureRequest, GatewayError
from apps.payments.gateways.registry import gateway_of
from apps.payments.models import Payment
from apps.payments.services.attempts import describe, failure_of
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind

_UNPAID = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})


def capture_payment(*, payment_id: uuid.UUID, actor: User | None, now: dt.datetime) -> Payment:
    """The authorised money is taken, and the ledger says who took it. Returns the payment anew.

    Told again, it is taken once. An order that is cancelled meanwhile gets its money back as after any late payment.
    Locks the order, not while the provider is called. Raises PaymentNotFound; with nothing changed PaymentNotAuthorised
    (never authorised, taken already or ended), OrderNotPayable (cancelled, or paid otherwise), ProviderRefused and
    ProviderContradiction; ProviderUnavailable: nobody knows, and asking the provider or capturing again tells.
    """
    payment = _find_authorised(payment_id)
    try:
        facts = gateway_of(payment.provider).capture(CaptureRequest(attempt=describe(payment), now=now))
    except GatewayError as error:
        raise failure_of(error) from error
    return apply_facts(payment=payment, facts=facts, now=now, actor=actor)


def _find_authorised(payment_id: uuid.UUID) -> Payment:
    payment = Payment.objects.select_related("order").filter(pk=payment_id).first()
    if payment is None:
        raise PaymentNotFound
    order = payment.order
    if order.status == OrderStatus.CANCELLED or order.payment_status not in _UNPAID:
        raise OrderNotPayable(order_status=order.status, payment_status=order.payment_status)
    if not payment.is_open or not payment.entries.filter(kind=EntryKind.AUTHORISED).exists():
        raise PaymentNotAuthorised(f"The payment is {payment.status}.", payment_status=payment.status)
    return payment
