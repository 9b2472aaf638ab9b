"""Who is owed which event: new ones as they come, old ones when somebody asks for them again."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence

from django.db.models import QuerySet

from apps.webhooks.errors import EndpointInactive, EventNotKept, TooManyEvents
from apps.webhooks.events import WebhookPinged
from apps.webhooks.locks import lock_endpoint
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.states import WebhookState
from core.events.feed import StoredEvent
from core.events.models import OutboxEvent
from core.ids import first_id_at
from core.transactions import atomic

REDELIVER_MAX = 10_000
ROWS_PER_STATEMENT = 500
_SLACK = dt.timedelta(minutes=1)  # between an event's id and its time, both made by the clock of whoever published it
EventKey = tuple[uuid.UUID, str, int]


def queue_events(events: Sequence[StoredEvent], *, now: dt.datetime) -> int:
    """Every active endpoint is owed those of the events that it chose. Returns how many were due to be queued.

    May be told of the same events twice: an endpoint is owed each once.
    """
    endpoints = list(WebhookEndpoint.objects.filter(is_active=True))
    rows = [_owed(endpoint, _key(event), now) for event in events for endpoint in endpoints if _wants(endpoint, event)]
    WebhookDelivery.objects.bulk_create(rows, batch_size=ROWS_PER_STATEMENT, ignore_conflicts=True)
    return len(rows)


def redeliver_event(*, endpoint_id: uuid.UUID, event_id: uuid.UUID, now: dt.datetime) -> int:
    """The endpoint is owed the event anew, also if it had it or did not choose it. Returns 1.

    Locks the endpoint. Raises EndpointNotFound, EndpointInactive and EventNotKept.
    """
    with atomic():
        endpoint = _active(endpoint_id)
        found = _keys(OutboxEvent.objects.filter(pk=event_id, position__isnull=False), limit=1)
        if not found:
            raise EventNotKept
        return _queue_anew(endpoint, found, now)


def redeliver_range(*, endpoint_id: uuid.UUID, since: dt.datetime, until: dt.datetime, now: dt.datetime) -> int:
    """The endpoint is owed anew what it chose and what happened from `since` to before `until`. Returns how many.

    Locks the endpoint. Raises EndpointNotFound, EndpointInactive and TooManyEvents (then nothing is queued).
    """
    with atomic():
        endpoint = _active(endpoint_id)
        happened = OutboxEvent.objects.filter(
            id__gte=first_id_at(since - _SLACK),
            id__lt=first_id_at(until + _SLACK),
            occurred_at__gte=since,
            occurred_at__lt=until,
            position__isnull=False,
        ).exclude(name=WebhookPinged.name)
        if endpoint.event_names:
            happened = happened.filter(name__in=endpoint.event_names)
        found = _keys(happened, limit=REDELIVER_MAX + 1)
        if len(found) > REDELIVER_MAX:
            raise TooManyEvents(f"At most {REDELIVER_MAX} events are sent again at once.", limit=REDELIVER_MAX)
        return _queue_anew(endpoint, found, now)


def _wants(endpoint: WebhookEndpoint, event: StoredEvent) -> bool:
    if event.name == WebhookPinged.name:
        return event.aggregate_id == str(endpoint.pk)
    return not endpoint.event_names or event.name in endpoint.event_names


def _key(event: StoredEvent) -> EventKey:
    return (event.id, event.name, event.position)


def _owed(endpoint: WebhookEndpoint, key: EventKey, now: dt.datetime) -> WebhookDelivery:
    event_id, name, position = key
    return WebhookDelivery(
        endpoint=endpoint, event_id=event_id, event_name=name, position=position, queued_at=now, due_at=now
    )


def _active(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    endpoint = lock_endpoint(endpoint_id)
    if not endpoint.is_active:
        raise EndpointInactive
    return endpoint


def _keys(events: QuerySet[OutboxEvent], *, limit: int) -> list[EventKey]:
    return [
        (row[0], row[1], row[2] or 0) for row in events.order_by("id").values_list("id", "name", "position")[:limit]
    ]


def _queue_anew(endpoint: WebhookEndpoint, keys: Sequence[EventKey], now: dt.datetime) -> int:
    rows = [_owed(endpoint, key, now) for key in keys]
    WebhookDelivery.objects.bulk_create(rows, batch_size=ROWS_PER_STATEMENT, ignore_conflicts=True)
    for ids in _slices([event_id for event_id, _, _ in keys]):
        WebhookDelivery.objects.filter(endpoint=endpoint, event_id__in=ids).update(
            state=WebhookState.PENDING, attempts=0, queued_at=now, due_at=now, finished_at=None
        )
    return len(keys)


def _slices(ids: Sequence[uuid.UUID]) -> Iterable[Sequence[uuid.UUID]]:
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        yield ids[start : start + ROWS_PER_STATEMENT]
