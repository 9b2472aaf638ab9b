"""What must be true of the data at every moment, checked by `manage.py verify_invariants`.

Each app states its own in invariants.py. An invariant is a function that yields one line for each violation, preferably
from a single statement, so that it sees one state of the shop while others go on working.

Freshness checks ask something else: is anything left lying? They are handed a moment and yield a line for whatever has
been waiting since before it. Without a worker that is no drift, so they only count where a time is asked for.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable

from django.apps import apps
from django.db import connection

from core.append_only import guarded_tables
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.idempotency.models import IdempotencyRecord
from core.model_bases import AppendOnlyModel

Check = Callable[[], Iterable[str]]
FreshnessCheck = Callable[[dt.datetime], Iterable[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; it holds when there are no violations."""

    name: str
    violations: tuple[str, ...]


_invariants: dict[str, Check] = {}
_freshness: dict[str, FreshnessCheck] = {}


def invariant(name: str) -> Callable[[Check], Check]:
    """Register an invariant ("inventory.on_hand_equals_ledger"). Raises ValueError when the name is taken."""

    def register(check: Check) -> Check:
        if _invariants.setdefault(name, check) is not check:
            raise ValueError(f"two invariants are called {name}")
        return check

    return register


def freshness(name: str) -> Callable[[FreshnessCheck], FreshnessCheck]:
    """Register a freshness check ("core.outbox_is_delivered"). Raises ValueError when the name is taken."""

    def register(check: FreshnessCheck) -> FreshnessCheck:
        if _freshness.setdefault(name, check) is not check:
            raise ValueError(f"two freshness checks are called {name}")
        return check

    return register


def check_invariants() -> Iterable[Finding]:
    """Run all invariants, by name."""
    for name, check in sorted(_invariants.items()):
        yield Finding(name, tuple(check()))


def check_freshness(waiting_since: dt.datetime) -> Iterable[Finding]:
    """Run all freshness checks, by name: what has been waiting since before that moment?"""
    for name, check in sorted(_freshness.items()):
        yield Finding(name, tuple(check(waiting_since)))


@invariant("core.ledgers_refuse_changes")
def ledgers_refuse_changes() -> Iterable[str]:
    """Every append-only table has its triggers in the database."""
    guarded = guarded_tables(connection)
    for model in apps.get_models():
        if issubclass(model, AppendOnlyModel) and model._meta.db_table not in guarded:
            yield f"{model._meta.db_table} has no trigger that refuses changes"


@freshness("core.outbox_is_delivered")
def outbox_is_delivered(waiting_since: dt.datetime) -> Iterable[str]:
    """No event waits for its fan-out and no delivery for a worker, apart from those that failed and will be retried."""
    for event in OutboxEvent.objects.filter(dispatched_at=None, occurred_at__lt=waiting_since).iterator():
        yield f"event {event.id} {event.name} of {event.occurred_at:%Y-%m-%d %H:%M:%S} is not dispatched"
    late = OutboxDelivery.objects.filter(state=DeliveryState.PENDING, due_at__lt=waiting_since).select_related("event")
    for delivery in late.iterator():
        yield f"delivery {delivery.id} of {delivery.event.name} to {delivery.handler} is due since {delivery.due_at}"


@freshness("core.no_dead_deliveries")
def no_dead_deliveries(waiting_since: dt.datetime) -> Iterable[str]:
    """No delivery has used up its attempts and waits for a person."""
    dead = OutboxDelivery.objects.filter(state=DeliveryState.DEAD, finished_at__lt=waiting_since)
    for delivery in dead.select_related("event").iterator():
        yield f"delivery {delivery.id} of {delivery.event.name} to {delivery.handler} is dead"


@freshness("core.no_stale_idempotency_locks")
def no_stale_idempotency_locks(waiting_since: dt.datetime) -> Iterable[str]:
    """No Idempotency-Key is held by a request that died long ago."""
    stale = IdempotencyRecord.objects.filter(status=None, locked_until__lt=waiting_since)
    for record in stale.iterator():
        yield f"idempotency record {record.id} is held since its lease ended at {record.locked_until}"
