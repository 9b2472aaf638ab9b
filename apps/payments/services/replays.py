"""Applying a message of the inbox again, and the case that tells why it had no effect the first time."""

import datetime as dt

from apps.payments.models import WebhookEvent
from apps.payments.services.inbox import OTHER_BODY, apply_message
from apps.payments.services.mismatches import report_mismatch
from apps.payments.states import InboxState
from apps.support.models import Escalation
from apps.support.services.escalations import resolve_by_reference
from apps.support.states import EscalationKind
from core.transactions import atomic


def apply_again(*, event: WebhookEvent, now: dt.datetime) -> InboxState:
    """The stored message is applied if it can be by now, and its case is then resolved. Returns its state.

    Harmless for one that was applied before. Locks the order. Raises ProviderUnavailable: the message stays as it is.
    """
    state = apply_message(event=event, now=now)
    if state == InboxState.PROCESSED:
        with atomic():
            resolve_by_reference(
                kind=EscalationKind.PAYMENT_MISMATCH,
                reference=case_of(event),
                order=None,
                resolution="The message was applied after all.",
                now=now,
            )
    return state


def case_of(event: WebhookEvent) -> str:
    """Return the reference of the escalation that a message in quarantine has opened."""
    event_id = event.event_id.rpartition("#")[0] if event.reason == OTHER_BODY else event.event_id
    return f"{event.provider}:{event_id}"[:150]


def open_missing_cases(*, since: dt.datetime, now: dt.datetime) -> int:
    """Every message in quarantine that came since then has its case, even if the shop died between the two.

    Returns how many were missing. Two statements when none are.
    """
    quarantined = WebhookEvent.objects.filter(state=InboxState.QUARANTINED, received_at__gte=since)
    events = {case_of(event): event for event in quarantined.select_related("payment").defer("body")}
    cases = Escalation.objects.filter(kind=EscalationKind.PAYMENT_MISMATCH, reference__in=events)
    missing = events.keys() - set(cases.values_list("reference", flat=True))
    for reference in sorted(missing):
        event = events[reference]
        report_mismatch(payment=event.payment, reference=reference, detail=event.reason, now=now)
    return len(missing)
