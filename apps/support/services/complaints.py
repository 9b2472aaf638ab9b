"""Takes a customer's complaint about their order."""

import datetime as dt
import uuid

from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal, owned_orders
from apps.support.errors import TooManyComplaints
from apps.support.models import Escalation
from apps.support.services.escalations import open_escalation
from apps.support.states import EscalationKind
from core.transactions import atomic

OPEN_COMPLAINTS_MAX = 5


def open_complaint(
    *, principal: OrderPrincipal, order_id: uuid.UUID, title: str, detail: str, now: dt.datetime
) -> Escalation:
    """The order has one more complaint, which a person will answer. Returns it.

    Locks the order. Publishes EscalationOpened. Raises OrderNotFound unless the principal owns the order or is an
    admin, and TooManyComplaints when OPEN_COMPLAINTS_MAX of them are unresolved.
    """
    with atomic():
        order = lock_order(order_id, among=owned_orders(principal=principal))
        _require_room(order)
        return open_escalation(
            kind=EscalationKind.COMPLAINT,
            reference="",
            order=order,
            title=title,
            detail=detail,
            opened_by=principal.user,
            now=now,
        )


def _require_room(order: Order) -> None:
    complaints = Escalation.objects.unresolved().filter(order=order, kind=EscalationKind.COMPLAINT)
    if complaints.count() >= OPEN_COMPLAINTS_MAX:
        detail = f"{OPEN_COMPLAINTS_MAX} complaints about order {order.order_number} wait for an answer already."
        raise TooManyComplaints(detail, limit=OPEN_COMPLAINTS_MAX)
