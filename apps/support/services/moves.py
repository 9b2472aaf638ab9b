"""Moves one locked escalation along its state table, with everything that follows from it."""

import datetime as dt
from typing import Any

from apps.accounts.models import User
from apps.orders.services.holds import hold_order, release_hold
from apps.support.errors import InvalidEscalationTransition
from apps.support.events import EscalationResolved
from apps.support.models import Escalation, EscalationNote
from apps.support.services.news import escalation_event
from apps.support.states import ESCALATION_TRANSITIONS, EscalationStatus
from core.errors import FieldError, InvalidInput
from core.events.publishing import publish


def move(
    *, escalation: Escalation, to: EscalationStatus, resolution: str, author: User | None, now: dt.datetime
) -> None:
    """The escalation is in `to`, its history says so, and its order is on hold exactly if something still holds it.

    `escalation` comes from `lock_escalation`. Publishes EscalationResolved. Raises InvalidEscalationTransition, and
    InvalidInput when one is resolved without saying how, or told how without being resolved.
    """
    _require_way(escalation, to)
    _require_words(to, resolution)
    is_resolved = to == EscalationStatus.RESOLVED
    escalation.status, escalation.resolution = to, resolution
    escalation.resolved_at = now if is_resolved else None
    escalation.save(update_fields=["status", "resolution", "resolved_at", "updated_at"])
    EscalationNote.objects.create(escalation=escalation, author=author, status=to, text=resolution)
    _settle_hold(escalation, now)
    if is_resolved:
        publish(escalation_event(EscalationResolved, escalation, escalation.order, resolution=resolution))


def _require_way(escalation: Escalation, to: EscalationStatus) -> None:
    onward = ESCALATION_TRANSITIONS[EscalationStatus(escalation.status)]
    if to in onward:
        return
    told: dict[str, Any] = {"from": escalation.status, "to": to.value, "allowed": sorted(onward)}
    raise InvalidEscalationTransition(f"The escalation is {escalation.status} and cannot become {to.value}.", **told)


def _require_words(to: EscalationStatus, resolution: str) -> None:
    is_resolved = to == EscalationStatus.RESOLVED
    if is_resolved and not resolution:
        raise InvalidInput(errors=(FieldError("resolution", "required", "Say how it was resolved."),))
    if resolution and not is_resolved:
        raise InvalidInput(errors=(FieldError("resolution", "not_resolved", "Only what is resolved has one."),))


def _settle_hold(escalation: Escalation, now: dt.datetime) -> None:
    """The order keeps one mark for all that hold it: it goes with the last of them and comes with the first."""
    order = escalation.order
    if order is None or not escalation.holds_fulfilment:
        return
    if Escalation.objects.holding().filter(order=order).exists():
        hold_order(order=order, now=now)
    else:
        release_hold(order=order, now=now)
