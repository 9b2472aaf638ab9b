"""Reads of escalations. Whose order it is, `apps.orders.selectors` decides."""

import uuid
from collections.abc import Mapping

from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal
from apps.support.errors import EscalationNotFound
from apps.support.models import Escalation, EscalationQuerySet
from apps.support.states import EscalationKind, EscalationStatus

ORDERINGS: Mapping[str, tuple[str, str]] = {"-created_at": ("-created_at", "-id"), "created_at": ("created_at", "id")}
NEWEST_FIRST = "-created_at"


def find_escalation(escalation_id: uuid.UUID) -> Escalation:
    """Return one with its order and notes, for an admin. Two statements. Raises EscalationNotFound."""
    found = Escalation.objects.select_related("order").prefetch_related("notes").filter(pk=escalation_id).first()
    if found is None:
        raise EscalationNotFound
    return found


def list_escalations(
    *,
    status: EscalationStatus | None = None,
    kind: EscalationKind | None = None,
    order_id: uuid.UUID | None = None,
    ordering: str = NEWEST_FIRST,
) -> EscalationQuerySet:
    """Return those to list for an admin, with their orders. `ordering` is a key of ORDERINGS."""
    wanted = {"status": status, "kind": kind, "order_id": order_id}
    narrowed = {name: value for name, value in wanted.items() if value is not None}
    return Escalation.objects.select_related("order").filter(**narrowed).order_by(*ORDERINGS[ordering])


def list_escalations_of_order(*, principal: OrderPrincipal, order: Order) -> EscalationQuerySet:
    """Return what the principal, whose order it is or who is an admin, may know of it, newest first."""
    escalations = Escalation.objects.filter(order=order).order_by(*ORDERINGS[NEWEST_FIRST])
    is_admin = principal.user is not None and principal.user.is_admin
    return escalations if is_admin else escalations.shown_to_owner()
