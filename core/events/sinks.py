"""Sinks: others who want every event, in order (webhooks, Kafka). Each is fed from the feed and has its own cursor.

A sink takes a batch or raises; the cursor moves on only after it has taken it. So a sink may be given a batch twice,
and knows it by the events' ids. A sink that fails is tried again later, ever more rarely, and holds nobody else up.
"""

import datetime as dt
import logging
import traceback
from collections.abc import Sequence
from typing import Protocol

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils.module_loading import import_string

from core import clock
from core.events.feed import StoredEvent, last_position, read_feed
from core.events.models import SinkCursor

EVENTS_PER_BATCH = 200
LEASE = dt.timedelta(seconds=60)
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
ERROR_CHARACTERS = 2000
logger = logging.getLogger("shop.sinks")


class Sink(Protocol):
    """Takes events. Called outside any transaction, by one process at a time, within the lease."""

    name: str

    def take(self, events: Sequence[StoredEvent]) -> None:
        """All of the events are with the sink when this returns; any error means that they may not be."""
        ...


def sinks(*, only: str | None = None) -> list[Sink]:
    """Return the sinks of settings.EVENT_SINKS (name → class), or the one named."""
    return [import_string(path)() for name, path in settings.EVENT_SINKS.items() if only in (None, name)]


def pump_all(*, now: dt.datetime | None = None, only: str | None = None) -> int:
    """Feed every sink (or the one named) that is due and that nobody else feeds; return how many events were taken."""
    return sum(pump(sink, now=now) for sink in sinks(only=only))


def pump(sink: Sink, *, now: dt.datetime | None = None) -> int:
    """Feed one sink until it has all there is; return how many events it took. Its first feeding begins at the newest
    event: what was before it asked is not its business."""
    taken = 0
    while (count := _pump_once(sink, now or clock.now())) > 0:
        taken += count
        if count < EVENTS_PER_BATCH:
            break
    return taken


def add_cursor(sink: str, *, position: int, now: dt.datetime) -> None:
    """Let a sink begin after a position, if it has not begun yet."""
    SinkCursor.objects.get_or_create(sink=sink, defaults={"position": position, "due_at": now})


def _pump_once(sink: Sink, now: dt.datetime) -> int:
    """Give the sink its next batch; 0 when there is none, it is not due, or another process feeds it."""
    cursor = SinkCursor.objects.filter(sink=sink.name).first()
    if cursor is None:
        add_cursor(sink.name, position=last_position(), now=now)
        return 0
    if cursor.due_at > now or (cursor.leased_until and cursor.leased_until > now):
        return 0
    events = read_feed(after=cursor.position, limit=EVENTS_PER_BATCH)
    if not events or not _lease(cursor, now):
        return 0
    try:
        sink.take(events)
    except Exception as error:  # noqa: BLE001 - whatever a sink raises is its failure alone
        _note_failure(cursor, error, now)
        return 0
    return len(events) if _move_on(cursor, events[-1].position) else 0


def _lease(cursor: SinkCursor, now: dt.datetime) -> bool:
    cursor.leased_until = now + LEASE
    free = SinkCursor.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), position=cursor.position)
    return bool(free.filter(pk=cursor.pk).update(leased_until=cursor.leased_until))


def _move_on(cursor: SinkCursor, position: int) -> bool:
    return bool(_ours(cursor).update(position=position, leased_until=None, failures=0, last_error=""))


def _note_failure(cursor: SinkCursor, error: Exception, now: dt.datetime) -> None:
    pause = min(FIRST_PAUSE_SECONDS * 2**cursor.failures, LONGEST_PAUSE_SECONDS)
    text = "".join(traceback.format_exception_only(error)).strip()[-ERROR_CHARACTERS:]
    due_at = now + dt.timedelta(seconds=pause)
    _ours(cursor).update(leased_until=None, due_at=due_at, failures=F("failures") + 1, last_error=text)
    logger.warning("sink failed", exc_info=error, extra={"sink": cursor.sink, "pause_seconds": pause})


def _ours(cursor: SinkCursor) -> QuerySet[SinkCursor]:
    return SinkCursor.objects.filter(pk=cursor.pk, leased_until=cursor.leased_until, position=cursor.position)
