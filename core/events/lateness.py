"""Is the outbox late? Asked by the health check, the metrics, the back office, and a job that raises the alarm."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Mapping

from django.conf import settings
from django.db.models import OuterRef, Subquery

from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent, SinkCursor
from core.events.writing_order import in_order_of_writing

WATCH_OUTBOX = "core.watch_outbox"
logger = logging.getLogger("shop.events")


@dataclasses.dataclass(frozen=True, slots=True)
class Ages:
    """How long the oldest undispatched event and the longest due delivery have been waiting; zero when none is.

    `sinks`: for each sink of settings.EVENT_SINKS, how long the next event it has not taken has had its place.
    """

    event: dt.timedelta
    delivery: dt.timedelta
    sinks: Mapping[str, dt.timedelta]

    @property
    def oldest(self) -> dt.timedelta:
        return max(self.event, self.delivery, *self.sinks.values())

    @property
    def is_late(self) -> bool:
        return self.oldest > _alarm_age()

    @property
    def late_sinks(self) -> list[str]:
        return sorted(name for name, age in self.sinks.items() if age > _alarm_age())


def outbox_ages(now: dt.datetime) -> Ages:
    """Return the outbox's ages. Three statements. A delivery that waits for its next attempt is not due."""
    waiting = in_order_of_writing(OutboxEvent.objects.filter(dispatched_at=None))
    due = OutboxDelivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now).order_by("due_at")
    return Ages(
        event=_age(waiting.values_list("occurred_at", flat=True).first(), now),
        delivery=_age(due.values_list("due_at", flat=True).first(), now),
        sinks=_sink_ages(now),
    )


def watch_outbox(now: dt.datetime) -> None:
    """Log an error while the outbox is late: the job of one process of many, once a minute."""
    ages = outbox_ages(now)
    if ages.is_late:
        extra = {
            "event_seconds": ages.event.total_seconds(),
            "delivery_seconds": ages.delivery.total_seconds(),
            "late_sinks": ages.late_sinks,
        }
        logger.error("outbox is late", extra=extra)


def _sink_ages(now: dt.datetime) -> dict[str, dt.timedelta]:
    untaken = OutboxEvent.objects.filter(position__gt=OuterRef("position")).order_by("position")
    cursors = SinkCursor.objects.filter(sink__in=settings.EVENT_SINKS).order_by("sink")
    found = cursors.annotate(since=Subquery(untaken.values("dispatched_at")[:1])).values_list("sink", "since")
    return {sink: _age(since, now) for sink, since in found}


def _alarm_age() -> dt.timedelta:
    return dt.timedelta(seconds=settings.OUTBOX_ALARM_SECONDS)


def _age(since: dt.datetime | None, now: dt.datetime) -> dt.timedelta:
    return max(now - since, dt.timedelta(0)) if since else dt.timedelta(0)
