"""Opens escalations, works on them and closes them."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal

from apps.accounts.models import User
from apps.accounts.states import Role
from apps.orders.models import Order
from apps.orders.services.holds import hold_order
from apps.support.events import EscalationOpened
from apps.support.locks import lock_escalation
from apps.support.models import TITLE_LENGTH, Escalation, EscalationNote
from apps.support.services.moves import move
from apps.support.services.news import escalation_event
from apps.support.states import EscalationKind, EscalationStatus
from core.errors import FieldError, InvalidInput
from core.events.publishing import publish
from core.transactions import atomic


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EscalationChanges:
    """What an admin does in one step. `assigned_to` counts only if `is_assigned`; None takes it from everybody."""

    status: EscalationStatus | None = None
    resolution: str = ""
    note: str = ""
    is_assigned: bool = False
    assigned_to: uuid.UUID | None = None


def open_escalation(
    *,
    kind: EscalationKind,
    reference: str,
    order: Order | None,
    title: str,
    detail: str = "",
    amount: Decimal | None = None,
    currency: str = "",
    holds_fulfilment: bool = False,
    opened_by: User | None = None,
    now: dt.datetime,
) -> Escalation:
    """A person will look at this; with `holds_fulfilment` the order stands still until they have. Returns it.

    Once per kind and reference: a repeat, even one at the same moment, returns what is on record and changes nothing,
    whatever became of it. An empty reference is always another matter. The caller is in a transaction and holds the
    order's lock, and `order` is the locked instance. A longer title is cut; an amount needs its currency. Publishes
    EscalationOpened.
    """
    with atomic():
        escalation = Escalation(
            kind=kind,
            reference=reference,
            order=order,
            title=title[:TITLE_LENGTH],
            detail=detail,
            amount=amount,
            currency=currency,
            holds_fulfilment=holds_fulfilment and order is not None,
            opened_by=opened_by,
        )
        known = _insert(escalation)
        if known is escalation:
            _announce(escalation, order, now)
        return known


def resolve_by_reference(
    *, kind: EscalationKind, reference: str, order: Order | None, resolution: str, now: dt.datetime
) -> None:
    """The escalation of that name is resolved by the shop itself. Harmless when there is none or it is resolved.

    The caller is in a transaction; `order` is the locked instance of its order (None: it is locked here). Releases the
    order's hold unless another escalation holds it. Publishes EscalationResolved. Raises InvalidInput without words.
    """
    with atomic():
        found = Escalation.objects.unresolved().exclude(reference="").filter(kind=kind, reference=reference).first()
        if found is None:
            return
        escalation = lock_escalation(found.pk, order=order)
        if escalation.status != EscalationStatus.RESOLVED:
            move(escalation=escalation, to=EscalationStatus.RESOLVED, resolution=resolution, author=None, now=now)


def update_escalation(
    *,
    escalation_id: uuid.UUID,
    changes: EscalationChanges,
    actor: User,
    now: dt.datetime,
    precondition: Callable[[], None] | None = None,
) -> Escalation:
    """An admin's step: moved, assigned or noted, each with a line of history. Returns the escalation.

    The caller knows that the actor is an admin. Locks the order, then the escalation; `precondition` runs under the
    locks. Publishes EscalationResolved. Raises EscalationNotFound, InvalidEscalationTransition, InvalidInput (no
    resolution for what is resolved, or one for what is not; an assignee who is no active admin).
    """
    with atomic():
        escalation = lock_escalation(escalation_id)
        if precondition is not None:
            precondition()
        said = list(_assign(escalation, changes))
        said += [changes.note] if changes.note else []
        _write_notes(escalation, said, actor)
        _move(escalation, changes, actor, now)
        return escalation


def _insert(escalation: Escalation) -> Escalation:
    """Write the row unless its reference is on record; return the one on record. At most two statements.

    Rivals with one reference wait for each other in the unique key, and all but one find the winner's row.
    """
    if not escalation.reference:
        escalation.save(force_insert=True)
        return escalation
    Escalation.objects.bulk_create([escalation], ignore_conflicts=True)
    known = Escalation.objects.get(kind=escalation.kind, reference=escalation.reference)
    if known.pk != escalation.pk:
        return known
    escalation._state.adding = False  # bulk_create leaves that open when it may have ignored the row
    return escalation


def _announce(escalation: Escalation, order: Order | None, now: dt.datetime) -> None:
    if order is not None and escalation.holds_fulfilment:
        hold_order(order=order, now=now)
    publish(escalation_event(EscalationOpened, escalation, order, holds_fulfilment=escalation.holds_fulfilment))


def _assign(escalation: Escalation, changes: EscalationChanges) -> Iterator[str]:
    """Write who works on it and yield the line of history, if that changes."""
    if not changes.is_assigned or changes.assigned_to == escalation.assigned_to_id:
        return
    assignee = _find_admin(changes.assigned_to) if changes.assigned_to else None
    escalation.assigned_to = assignee
    escalation.save(update_fields=["assigned_to", "updated_at"])
    yield f"Assigned to {assignee.email}." if assignee else "Assigned to nobody."


def _find_admin(user_id: uuid.UUID) -> User:
    admin = User.objects.filter(pk=user_id, role=Role.ADMIN, is_active=True).first()
    if admin is None:
        raise InvalidInput(errors=(FieldError("assigned_to", "not_an_admin", "No active admin has this id."),))
    return admin


def _write_notes(escalation: Escalation, said: list[str], author: User) -> None:
    if said:
        notes = [EscalationNote(escalation=escalation, author=author, text=text) for text in said]
        EscalationNote.objects.bulk_create(notes)


def _move(escalation: Escalation, changes: EscalationChanges, actor: User, now: dt.datetime) -> None:
    if changes.status is not None:
        move(escalation=escalation, to=changes.status, resolution=changes.resolution, author=actor, now=now)
    elif changes.resolution:
        raise InvalidInput(errors=(FieldError("resolution", "not_resolved", "Send it with status resolved."),))
