"""Fan-out: every committed event gets its place in the feed, and one delivery for each handler that answers it."""

import datetime as dt

from django.db import connection, transaction
from django.db.models import Max

from core.events.models import EventSequence, OutboxDelivery, OutboxEvent
from core.events.registry import handlers_of
from core.events.writing_order import in_order_of_writing, order_of_writing

EVENTS_PER_ROUND = 200


def fan_out(*, now: dt.datetime, limit: int = EVENTS_PER_ROUND) -> int:
    """Make the deliveries of the events that were written first and have none yet; return how many events that were.

    Events, their positions, their deliveries and the mark that they are dispatched are written in one transaction. One
    worker does this at a time: the others find the sequence held and go on with deliveries. An event that nobody
    answers is only given its place.
    """
    waiting = OutboxEvent.objects.filter(dispatched_at=None)
    if not waiting.exists():  # a plain read: an idle worker takes no write lock on SQLite
        return 0
    with transaction.atomic():
        sequence = _hold_sequence()
        if sequence is None:
            return 0
        events = list(in_order_of_writing(waiting).values_list("id", "name")[:limit])
        OutboxDelivery.objects.bulk_create(
            OutboxDelivery(event_id=event_id, handler=handler.name, due_at=now)
            for event_id, name in events
            for handler in handlers_of(name)
        )
        _place([event_id for event_id, _ in events], after=sequence.last, now=now)
        EventSequence.objects.filter(pk=sequence.pk).update(last=sequence.last + len(events))
    return len(events)


def _hold_sequence() -> EventSequence | None:
    """Return the locked sequence, or None while another worker holds it. An emptied database gets it anew."""
    free = EventSequence.objects.select_for_update(skip_locked=True)
    sequence = free.first()
    if sequence is None:
        last = OutboxEvent.objects.aggregate(last=Max("position"))["last"] or 0
        EventSequence.objects.bulk_create([EventSequence(pk=1, last=last)], ignore_conflicts=True)
        sequence = free.first()
    return sequence


def _place(event_ids: list[object], *, after: int, now: dt.datetime) -> None:
    """Give the events their positions, in the order they were written, and mark them dispatched. One statement."""
    if not event_ids:
        return
    field = OutboxEvent._meta.get_field("id")
    ids = [field.get_db_prep_value(event_id, connection) for event_id in event_ids]
    moment = OutboxEvent._meta.get_field("dispatched_at").get_db_prep_value(now, connection)
    with connection.cursor() as cursor:
        places = _PLACE.format(ids=", ".join(["%s"] * len(ids)), order=order_of_writing())
        cursor.execute(places, [after, moment, *ids])


_PLACE = """
    UPDATE core_outbox_event SET position = placed.position, dispatched_at = placed.moment
    FROM (
        SELECT id, %s + row_number() OVER (ORDER BY {order}) AS position, %s AS moment
        FROM core_outbox_event WHERE id IN ({ids})
    ) AS placed
    WHERE core_outbox_event.id = placed.id
"""
