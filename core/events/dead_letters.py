"""Deliveries that used up their attempts: the news of it, and what a person does about them.

They are tried again, or dropped with a reason.
"""

import dataclasses
import datetime as dt
from typing import ClassVar

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat

from core.events.models import DeliveryState, OutboxDelivery
from core.events.registry import Event

# Not while a worker is at it: what it does would be undone.
_FREE = Q(state=DeliveryState.DEAD) | Q(state=DeliveryState.PENDING, lease=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeliveryDied(Event):
    """A delivery used up its attempts and waits for a person. What went wrong stands in its row alone."""

    name: ClassVar[str] = "core.delivery_died"
    delivery_id: str
    handler: str
    event_id: str
    event_name: str
    attempts: int

    @property
    def aggregate_id(self) -> str:
        return self.delivery_id


def retry_now(deliveries: QuerySet[OutboxDelivery], *, now: dt.datetime) -> int:
    """Make dead and waiting deliveries due at once, with all their attempts before them. Returns how many."""
    return deliveries.filter(_FREE).update(state=DeliveryState.PENDING, attempts=0, due_at=now, finished_at=None)


def drop(deliveries: QuerySet[OutboxDelivery], *, reason: str, who: str, now: dt.datetime) -> int:
    """Give dead and waiting deliveries up: they are never tried again. Returns how many.

    Who dropped them and why is noted before the last error. Raises ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("a delivery is not dropped without a reason")
    note = Concat(Value(f"Dropped by {who}: {reason.strip()}\n\n"), F("last_error"))
    return deliveries.filter(_FREE).update(state=DeliveryState.DROPPED, finished_at=now, last_error=note)
