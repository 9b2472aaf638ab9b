"""Is the outbox late? Asked by the health check, the metrics, the back office, and a job that raises the alarm."""

import dataclasses
import datetime as dt
import logging

from django.conf import settings

from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.events.writing_order import in_order_of_writing

WATCH_OUTBOX = "core.watch_outbox"
logger = logging.getLogger("shop.events")


@dataclasses.dataclass(frozen=True, slots=True)
class Ages:
    """How long the oldest undispatched event and the longest due delivery have been waiting; zero when none is."""

    event: dt.timedelta
    delivery: dt.timedelta

    @property
    def oldest(self) -> dt.timedelta:
        return max(self.event, self.delivery)

    @property
    def is_late(self) -> bool:
        return self.oldest > dt.timedelta(seconds=settings.OUTBOX_ALARM_SECONDS)


def outbox_ages(now: dt.datetime) -> Ages:
    """Return the outbox's ages. Two statements. A delivery that waits for its next attempt is not due."""
    waiting = in_order_of_writing(OutboxEvent.objects.filter(dispatched_at=None))
    due = OutboxDelivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now).order_by("due_at")
    return Ages(
        event=_age(waiting.values_list("occurred_at", flat=True).first(), now),
        delivery=_age(due.values_list("due_at", flat=True).first(), now),
    )


def watch_outbox(now: dt.datetime) -> None:
    """Log an error while the outbox is late: the job of one process of many, once a minute."""
    ages = outbox_ages(now)
    if ages.is_late:
        extra = {"event_seconds": ages.event.total_seconds(), "delivery_seconds": ages.delivery.total_seconds()}
        logger.error("outbox is late", extra=extra)


def _age(since: dt.datetime | None, now: dt.datetime) -> dt.timedelta:
    return max(now - since, dt.timedelta(0)) if since else dt.timedelta(0)
