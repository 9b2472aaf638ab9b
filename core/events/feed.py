"""The feed: every committed event in order, none missing. Read by position."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet, Subquery

from core.events.models import EventSequence, OutboxEvent


@dataclasses.dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the feed. `id` is stable, `position` its place, `payload` what is documented for `version`."""

    position: int
    id: uuid.UUID
    name: str
    version: int
    aggregate_id: str
    payload: dict[str, Any]
    occurred_at: dt.datetime
    request_id: str


_COLUMNS = tuple(field.name for field in dataclasses.fields(StoredEvent))


def read_feed(*, after: int, limit: int, names: Iterable[str] | None = None) -> list[StoredEvent]:
    """Return the events that come after a position, in order; `names` narrows them. One statement.

    What is returned is complete up to its last position: no event will appear before it later. Events older than
    settings.OUTBOX_KEEP_DAYS are gone.
    """
    return [StoredEvent(*row) for row in _after(after, names).values_list(*_COLUMNS)[:limit]]


@dataclasses.dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in order. `next`: where to go on from, `has_more`: at once.

    `gone`: the feed is whole only after it. `last`: the newest position given.
    """

    events: list[StoredEvent]
    gone: int
    last: int
    next: int
    has_more: bool


def read_page(*, after: int | None, limit: int, names: Iterable[str] | None = None) -> FeedPage:
    """Return up to `limit` events after a position (None: the oldest that are kept). Two statements, or three.

    Nothing is missing between `after` and `next` unless `after` is below `gone`, or above `last`. The newest position
    is read before the events, so that a reader of few kinds of events moves on past the others and past nothing else.
    What is gone is read with them, or after them where there are none: it is noted before events are removed.
    """
    gone, last = feed_bounds()
    start = gone if after is None else after
    events = _after(start, names).annotate(gone_now=Subquery(EventSequence.objects.values("gone")[:1]))
    rows = list(events.values_list("gone_now", *_COLUMNS)[: limit + 1])
    if after is not None and start < last:
        gone = (rows[0][0] or 0) if rows else feed_bounds()[0]
    found = [StoredEvent(*row[1:]) for row in rows[:limit]]
    end, has_more = (found[-1].position if found else start), len(rows) > limit
    return FeedPage(events=found, gone=gone, last=last, next=end if has_more else max(end, last), has_more=has_more)


def last_position() -> int:
    """Return the newest position given. One statement."""
    return EventSequence.objects.values_list("last", flat=True).first() or 0


def feed_bounds() -> tuple[int, int]:
    """Return the position after which the feed is whole, and the newest position given. One statement."""
    return EventSequence.objects.values_list("gone", "last").first() or (0, 0)


def first_position() -> int | None:
    """Return the oldest position that is still kept, None for an empty feed. One statement."""
    found = OutboxEvent.objects.filter(position__isnull=False).order_by("position")
    return found.values_list("position", flat=True).first()


def _after(position: int, names: Iterable[str] | None) -> QuerySet[OutboxEvent]:
    events = OutboxEvent.objects.filter(position__gt=position).order_by("position")
    return events if names is None else events.filter(name__in=list(names))
