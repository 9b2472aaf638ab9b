"""Leases: a delivery belongs to one worker for a while, and to another one when the first has died.

Every write names the lease it was given: a worker that was slow, and has lost its lease meanwhile, changes nothing.
How a broker's messages are leased stands in forwarding.py.
"""

import dataclasses
import datetime as dt
import itertools
import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from core.events.dead_letters import DeliveryDied
from core.events.models import DeliveryState, OutboxDelivery
from core.events.publishing import publish
from core.ids import new_id

LEASE_SECONDS = 40
LATEST_START_SECONDS = 10  # a handler has the rest of the lease for its work
DELIVERIES_PER_LEASE = 20
FIRST_RETRY_SECONDS = 2.0
RETRY_FACTOR = 4
LONGEST_RETRY_SECONDS = 3600.0
ERROR_CHARACTERS = 4000
_EVENT_COLUMNS = ("event_id", "event__name", "event__payload", "event__request_id", "event__occurred_at")
_random = secrets.SystemRandom()


@dataclasses.dataclass(frozen=True, slots=True)
class Leased:
    """A delivery in a worker's hands, with its event. `attempt` counts from 1 and includes this one."""

    lease: uuid.UUID
    start_before: dt.datetime
    id: uuid.UUID
    handler: str
    attempt: int
    event_id: uuid.UUID
    event_name: str
    payload: dict[str, Any]
    request_id: str
    occurred_at: dt.datetime


def lease_due(*, now: dt.datetime, limit: int = DELIVERIES_PER_LEASE) -> list[Leased]:
    """Lease deliveries that are due and free, the longest due first. No delivery is leased twice at a time.

    The attempt is counted here, before the handler runs: one that kills the process does not do so for ever. A delivery
    that was begun before is leased alone, so that it takes no others with it if it is such a one.
    """
    due = due_deliveries(now)
    if not due.exists():  # a plain read: an idle worker takes no write lock on SQLite
        return []
    lease = new_id()
    with transaction.atomic():
        locked = due.order_by("due_at", "id").select_for_update(of=("self",), skip_locked=True)
        columns = ("id", "handler", F("attempts") + 1, *_EVENT_COLUMNS)
        rows: list[tuple[Any, ...]] = list(locked.values_list(*columns)[:limit])
        rows = list(itertools.takewhile(_is_first_attempt, rows)) or rows[:1]
        OutboxDelivery.objects.filter(id__in=[row[0] for row in rows]).update(
            lease=lease, leased_until=now + dt.timedelta(seconds=LEASE_SECONDS), attempts=F("attempts") + 1
        )
    start_before = now + dt.timedelta(seconds=LATEST_START_SECONDS)
    return [Leased(lease, start_before, *row) for row in rows]


def due_deliveries(now: dt.datetime) -> QuerySet[OutboxDelivery]:
    """Return the deliveries that are due and in nobody's hands."""
    return OutboxDelivery.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=now), state=DeliveryState.PENDING, due_at__lte=now
    )


def claim(delivery_id: str, *, attempts: int, now: dt.datetime) -> Leased | None:
    """Lease one delivery of which so many attempts were begun before; None when it has moved on since.

    The number of attempts is what a message names instead of a lease: of two messages about one attempt only the first
    finds it unbegun, however old either is. Two statements.
    """
    lease, leased_until = new_id(), now + dt.timedelta(seconds=LEASE_SECONDS)
    unbegun = OutboxDelivery.objects.filter(id=delivery_id, state=DeliveryState.PENDING, attempts=attempts)
    if not unbegun.update(lease=lease, leased_until=leased_until, attempts=attempts + 1):
        return None
    columns = ("id", "handler", "attempts", *_EVENT_COLUMNS)
    row = OutboxDelivery.objects.values_list(*columns).get(id=delivery_id)
    return Leased(lease, now + dt.timedelta(seconds=LATEST_START_SECONDS), *row)


def finish(done: Sequence[Leased], *, now: dt.datetime) -> int:
    """Mark deliveries of one lease done; return how many of them had not been lost. One statement."""
    return _held(done, state=DeliveryState.DONE, finished_at=now, last_error="")


def retry_later(leased: Leased, *, error: str, delay_seconds: float, now: dt.datetime) -> bool:
    """Note the error and let the delivery be due again after a while; return False when the lease is lost."""
    due_at = now + dt.timedelta(seconds=delay_seconds)
    return _held([leased], due_at=due_at, last_error=error[-ERROR_CHARACTERS:]) == 1


def bury(leased: Leased, *, attempts: int, error: str, now: dt.datetime) -> bool:
    """Note the error, leave the delivery to a person and publish DeliveryDied; return False when the lease is lost.

    The death of what should have told of a death is not told: it would go on for ever.
    """
    last_error = error[-ERROR_CHARACTERS:]
    with transaction.atomic():
        changes = {"state": DeliveryState.DEAD, "attempts": attempts, "finished_at": now, "last_error": last_error}
        is_dead = _held([leased], **changes) == 1
        if is_dead and leased.event_name != DeliveryDied.name:
            publish(_death_of(leased, attempts))
    return is_dead


def hand_back(unbegun: Sequence[Leased]) -> None:
    """Give up the leases of deliveries that were not begun: another worker need not wait for them."""
    _held(unbegun, attempts=F("attempts") - 1)


def retry_delay_seconds(attempt: int) -> float:
    """Return the pause after the given attempt (from 1): 2 s, 8 s, 32 s … at most an hour, give or take a quarter."""
    pause: float = min(FIRST_RETRY_SECONDS * RETRY_FACTOR ** (attempt - 1), LONGEST_RETRY_SECONDS)
    return pause * _random.uniform(0.75, 1.25)


def _death_of(leased: Leased, attempts: int) -> DeliveryDied:
    return DeliveryDied(
        delivery_id=str(leased.id),
        handler=leased.handler,
        event_id=str(leased.event_id),
        event_name=leased.event_name,
        attempts=attempts,
    )


def _is_first_attempt(row: tuple[Any, ...]) -> bool:
    return bool(row[2] == 1)


def _held(leased: Sequence[Leased], **changes: Any) -> int:
    """Write the changes and end the lease, for those that still have it."""
    if not leased:
        return 0
    mine = OutboxDelivery.objects.filter(
        id__in=[entry.id for entry in leased], lease=leased[0].lease, state=DeliveryState.PENDING
    )
    return mine.update(lease=None, leased_until=None, **changes)
