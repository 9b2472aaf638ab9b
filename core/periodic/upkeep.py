"""The ground's own periodic jobs: what has done its duty is removed."""

import datetime as dt

from django.conf import settings
from django.db.models import Exists, OuterRef

from core.events.lateness import WATCH_OUTBOX, watch_outbox
from core.events.models import DeliveryState, EventSequence, OutboxDelivery, OutboxEvent, SinkCursor
from core.idempotency.keys import purge_expired
from core.idempotency.models import IdempotencyRecord
from core.ids import first_id_at
from core.periodic.registry import every

MINUTE = 60
HOUR = 60 * MINUTE
EVENTS_PER_ROUND = 1_000
ROUNDS_PER_RUN = 50
DEFAULT_KEEP_DAYS = 30


def register() -> None:
    """Register the ground's jobs."""
    every(seconds=HOUR, name="core.remove_old_events")(remove_old_events)
    every(seconds=HOUR, name="core.purge_idempotency_keys")(purge_idempotency_keys)
    every(seconds=MINUTE, name="core.free_idempotency_keys")(free_idempotency_keys)
    every(seconds=MINUTE, name=WATCH_OUTBOX)(watch_outbox)


def remove_old_events(now: dt.datetime) -> None:
    """Delete events older than settings.OUTBOX_KEEP_DAYS whose deliveries are all done or dropped.

    Dead ones stay, and so does what a sink has not taken.
    """
    first_kept = first_id_at(now - dt.timedelta(days=getattr(settings, "OUTBOX_KEEP_DAYS", DEFAULT_KEEP_DAYS)))
    open_deliveries = OutboxDelivery.objects.filter(event=OuterRef("pk")).exclude(
        state__in=[DeliveryState.DONE, DeliveryState.DROPPED]
    )
    finished = OutboxEvent.objects.filter(~Exists(open_deliveries), id__lt=first_kept, dispatched_at__isnull=False)
    behind = SinkCursor.objects.filter(sink__in=settings.EVENT_SINKS).order_by("position")
    taken = behind.values_list("position", flat=True).first()
    if taken is not None:
        finished = finished.filter(position__lte=taken)
    for _ in range(ROUNDS_PER_RUN):
        rows = list(finished.order_by("id").values_list("id", "position")[:EVENTS_PER_ROUND])
        if not rows:
            return
        _note_gone(max(position or 0 for _, position in rows))
        OutboxEvent.objects.filter(id__in=[row[0] for row in rows]).delete()


def _note_gone(position: int) -> None:
    """Let the feed say that it has lost events up to a position: before they go, so that no reader misses them."""
    EventSequence.objects.filter(gone__lt=position).update(gone=position)


def purge_idempotency_keys(now: dt.datetime) -> None:
    """Delete the keys whose time is over."""
    purge_expired(now)


def free_idempotency_keys(now: dt.datetime) -> None:
    """Delete the keys whose request died and left no answer: a retry starts anew, as after taking the lease over."""
    IdempotencyRecord.objects.filter(status=None, locked_until__lt=now).delete()
