"""Cash that a courier collected, told by a person or by the delivery itself."""

import datetime as dt
import uuid

from apps.accounts.models import User
from apps.orders.locks import lock_order
from apps.orders.states import OrderStatus, PaymentMethod, PaymentStatus
from apps.payments.errors import OrderNotPayable, PaymentInProgress
from apps.payments.gateways.base import CaptureRequest
from apps.payments.gateways.cod import CashOnDelivery
from apps.payments.gateways.registry import gateway_of
from apps.payments.models import Payment
from apps.payments.services.attempts import begin_attempt, describe, open_attempt
from apps.payments.services.settlement import apply_facts
from core.transactions import atomic

_UNPAID = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
_CASH = CashOnDelivery.name


def collect_cash(*, order_id: uuid.UUID, actor: User | None, now: dt.datetime) -> Payment | None:
    """The order's cash is in the ledger with who told it, and the order is paid. Returns the payment.

    Returns None, with nothing changed, when the order is paid already. Harmless the second time. Locks the order.
    Raises OrderNotFound, OrderNotPayable (not cash on delivery, or cancelled) and PaymentInProgress (an online
    payment of this order is open: it has to end first).
    """
    payment = _open_cash_payment(order_id, now)
    if payment is None:
        return None
    if not payment.is_started:
        payment = begin_attempt(payment=payment, now=now)
    facts = gateway_of(_CASH).capture(CaptureRequest(attempt=describe(payment), now=now))
    return apply_facts(payment=payment, facts=facts, now=now, actor=actor)


def _open_cash_payment(order_id: uuid.UUID, now: dt.datetime) -> Payment | None:
    with atomic():
        order = lock_order(order_id)
        if order.payment_method != PaymentMethod.COD or order.status == OrderStatus.CANCELLED:
            raise OrderNotPayable(order_status=order.status, payment_status=order.payment_status)
        if order.payment_status not in _UNPAID:
            return None
        attempt = Payment.objects.open().select_related("order").filter(order=order).first()
        if attempt is None:
            return open_attempt(order=order, provider=_CASH, now=now)
    if attempt.provider != _CASH:
        raise PaymentInProgress(payment_id=str(attempt.pk))
    return attempt
