"""What the cash desk does when an order is cancelled."""

import datetime as dt
import logging
import uuid

from apps.orders.states import OrderStatus
from apps.payments.errors import ProviderRefused
from apps.payments.models import Payment
from apps.payments.services.attempts import give_up_attempt
from apps.payments.services.refunds import return_money_owed

logger = logging.getLogger("shop.payments")


def settle_cancelled_order(*, order_id: uuid.UUID, now: dt.datetime) -> None:
    """The cancelled order has no attempt that could be stopped, and its money is on its way back, once.

    An attempt that cannot be stopped any more stays open: its money is returned when it arrives. Harmless when
    called again, and for an order that expired and was taken up again meanwhile. Raises ProviderUnavailable, to be
    called again.
    """
    of_order = Payment.objects.open().filter(order_id=order_id, order__status=OrderStatus.CANCELLED)
    for attempt in of_order.select_related("order"):
        try:
            give_up_attempt(payment=attempt, now=now)
        except ProviderRefused:
            logger.info("attempt cannot be stopped", extra={"payment": str(attempt.pk)})
    return_money_owed(order_id=order_id, now=now)
