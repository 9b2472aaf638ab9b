"""publish(): the one way to tell other apps that something happened."""

import dataclasses
from typing import Any

from django.db import transaction

from core import clock, context
from core.events.models import OutboxEvent
from core.events.registry import Event


class OutsideTransaction(RuntimeError):
    """publish() was called where no transaction is open: the news could survive a fact that was rolled back."""


def publish(*events: Event) -> None:
    """Write the events into the outbox: they exist if, and only if, the caller's transaction commits. One statement.

    Raises OutsideTransaction when no transaction is open.
    """
    if not transaction.get_connection().in_atomic_block:
        raise OutsideTransaction("publish() needs an open transaction")
    now, request_id = clock.now(), context.request_id.get()
    OutboxEvent.objects.bulk_create(
        [
            OutboxEvent(
                name=event.name,
                version=event.version,
                aggregate_id=event.aggregate_id,
                payload=payload_of(event),
                request_id=request_id,
                occurred_at=now,
            )
            for event in events
        ]
    )


def payload_of(event: Event) -> dict[str, Any]:
    """Return the event's fields as the plain dict that is stored."""
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
