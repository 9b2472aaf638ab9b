"""Makes escalations the way the shop does: by the services, under the order's lock."""

import itertools
from typing import Any

from apps.accounts.models import User
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.support.models import Escalation
from apps.support.services.escalations import (
    EscalationChanges,
    open_escalation,
    resolve_by_reference,
    update_escalation,
)
from apps.support.states import EscalationKind, EscalationStatus
from core import clock
from core.events.models import OutboxEvent
from core.transactions import atomic
from tests.factories import make_admin

_number = itertools.count(1)


def escalate(order: Order | None = None, kind: EscalationKind = EscalationKind.DISPUTE, **fields: Any) -> Escalation:
    """Return what open_escalation returns; the reference is a new one unless told."""
    fields.setdefault("reference", f"dp_{next(_number)}")
    fields.setdefault("title", "The bank wants the money back")
    with atomic():
        locked = lock_order(order.pk) if order else None
        return open_escalation(kind=kind, order=locked, now=clock.now(), **fields)


def settle(escalation: Escalation, resolution: str = "won") -> None:
    """Resolve it as the shop itself does, by its reference."""
    with atomic():
        order = lock_order(escalation.order_id) if escalation.order_id else None
        resolve_by_reference(
            kind=EscalationKind(escalation.kind),
            reference=escalation.reference,
            order=order,
            resolution=resolution,
            now=clock.now(),
        )


def work_on(escalation: Escalation, actor: User | None = None, **changes: Any) -> Escalation:
    """Return the escalation after an admin's step."""
    return update_escalation(
        escalation_id=escalation.pk,
        changes=EscalationChanges(**changes),
        actor=actor or make_admin(),
        now=clock.now(),
    )


def bring_to(escalation: Escalation, status: EscalationStatus) -> Escalation:
    """Bring an open escalation to a status."""
    if status == EscalationStatus.IN_PROGRESS:
        return work_on(escalation, status=status)
    if status == EscalationStatus.RESOLVED:
        return work_on(escalation, status=status, resolution="done")
    return escalation


def is_on_hold(order: Order) -> bool:
    """Return what the database says."""
    return Order.objects.values_list("is_on_hold", flat=True).get(pk=order.pk)


def said(escalation: Escalation) -> list[tuple[str, str]]:
    """Return (status, text) of every note, oldest first."""
    return list(escalation.notes.values_list("status", "text"))


def news() -> list[str]:
    """Return the names of all events of support, in their order."""
    return list(OutboxEvent.objects.filter(name__startswith="support.").order_by("id").values_list("name", flat=True))
