"""The lock of an escalation: its order's first, then its own row (docs/algorithms/locking.md)."""

import uuid

from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.support.errors import EscalationNotFound
from apps.support.models import Escalation


def lock_escalation(escalation_id: uuid.UUID, *, order: Order | None = None) -> Escalation:
    """Return the escalation with its row and its order's locked until the caller's transaction ends.

    `order` is its order if the caller holds that lock already: `escalation.order` is then that very instance. At most
    three statements. Raises EscalationNotFound.
    """
    order = _locked_order(_order_id_of(escalation_id), known=order)
    escalation = Escalation.objects.select_for_update(of=("self",)).get(pk=escalation_id)
    escalation.order = order
    return escalation


def _order_id_of(escalation_id: uuid.UUID) -> uuid.UUID | None:
    """Which order it is about never changes: it is read before the lock that it leads to."""
    found = list(Escalation.objects.filter(pk=escalation_id).values_list("order_id", flat=True))
    if not found:
        raise EscalationNotFound
    return found[0]


def _locked_order(order_id: uuid.UUID | None, *, known: Order | None) -> Order | None:
    if order_id is None:
        return None
    return known if known is not None and known.pk == order_id else lock_order(order_id)
