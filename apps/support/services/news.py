"""Makes escalation events from an escalation."""

from typing import Any, TypeVar

from apps.orders.models import Order
from apps.support.events import EscalationEvent
from apps.support.models import Escalation

E = TypeVar("E", bound=EscalationEvent)


def escalation_event(kind: type[E], escalation: Escalation, order: Order | None, **more: Any) -> E:
    """Return the event with what the escalation and its order say; `more` holds the fields only this kind has."""
    return kind(
        escalation_id=str(escalation.pk),
        kind=str(escalation.kind),
        title=escalation.title,
        order_id=str(order.pk) if order else None,
        order_number=order.order_number if order else "",
        email=order.email if order else "",
        language=order.language if order else "",
        **more,
    )
