"""The v2 shapes of an escalation: for the order's owner, for admins, for admins with its history."""

from typing import Any

from apps.support.models import Escalation, EscalationNote
from core.money import format_amount


def shape_for_owner(escalation: Escalation) -> dict[str, Any]:
    """Return what the owner of the order may know: neither notes nor references nor who works on it."""
    return {
        "id": escalation.pk,
        "kind": escalation.kind,
        "status": escalation.status,
        "title": escalation.title,
        "detail": escalation.detail,
        "resolution": escalation.resolution,
        "created_at": escalation.created_at,
        "resolved_at": escalation.resolved_at,
    }


def shape_for_admin(escalation: Escalation) -> dict[str, Any]:
    """Return all but the history. The order is fetched with it."""
    amount, order = escalation.amount, escalation.order
    return {
        **shape_for_owner(escalation),
        "reference": escalation.reference,
        "order_id": escalation.order_id,
        "order_number": order.order_number if order else None,
        "amount": None if amount is None else format_amount(amount, escalation.currency),
        "currency": escalation.currency or None,
        "holds_fulfilment": escalation.holds_fulfilment,
        "opened_by": escalation.opened_by_id,
        "assigned_to": escalation.assigned_to_id,
        "updated_at": escalation.updated_at,
    }


def shape_with_history(escalation: Escalation) -> dict[str, Any]:
    """Return all of it. The notes are fetched with it."""
    return {**shape_for_admin(escalation), "notes": [_shape_note(note) for note in escalation.notes.all()]}


def _shape_note(note: EscalationNote) -> dict[str, Any]:
    return {
        "id": note.pk,
        "author": note.author_id,
        "status": note.status or None,
        "text": note.text,
        "created_at": note.created_at,
    }
