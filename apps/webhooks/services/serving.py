"""Serving endpoints: each by one process at a time, one webhook after the other, so that none has two on their way."""

import dataclasses
import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterable

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services.sending import try_delivery
from core import clock
from core.ids import new_id

LEASE = dt.timedelta(seconds=60)
TURN_SECONDS = 20.0  # with the longest try, well within the lease


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """An endpoint in somebody's hands."""

    endpoint_id: uuid.UUID
    lease: uuid.UUID


def dispatch_due(now: dt.datetime | None = None) -> int:
    """Send whatever is due to whoever is free, until it is quiet; return how many tries that were.

    With `now` the clock stands still at that moment.
    """
    tries = 0
    while claims := list(claim_due(now=now or clock.now(), limit=100)):
        tries += sum(serve(claim, now=now) for claim in claims)
    return tries


def claim_due(*, now: dt.datetime, limit: int, is_slow: bool | None = None) -> Iterable[Claim]:
    """Yield leases on up to `limit` endpoints that something is due to, whoever waited longest first.

    `is_slow` asks for those that failed or took long the last time, or for the others.
    """
    waiting = _waiting(now)
    if is_slow is not None:
        waiting = waiting.filter(is_slow=is_slow)
    found = waiting.order_by(F("served_at").asc(nulls_first=True), "id").values_list("id", flat=True)
    for endpoint_id in list(found[:limit]):
        claim = Claim(endpoint_id=endpoint_id, lease=new_id())
        if _free(now).filter(pk=endpoint_id).update(lease=claim.lease, leased_until=now + LEASE):
            yield claim


def serve(claim: Claim, *, now: dt.datetime | None = None, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due in order until one fails or the turn is over, and let the endpoint go; return how many tries.

    If the process dies in between, the lease runs out, and what was sent without being noted is sent once more.
    """
    until, tries = time.monotonic() + TURN_SECONDS, 0
    while not is_stopping() and time.monotonic() < until:
        delivery = _next_due(claim, now or clock.now())
        if delivery is None:
            break
        tries += 1
        if not try_delivery(delivery, now=now or clock.now()):
            break
    _release(claim, now=now or clock.now())
    return tries


def _free(now: dt.datetime) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=now), Q(retry_at=None) | Q(retry_at__lte=now), is_active=True
    )


def _waiting(now: dt.datetime) -> QuerySet[WebhookEndpoint]:
    due = WebhookDelivery.objects.pending().filter(endpoint=OuterRef("pk"), due_at__lte=now)
    return _free(now).filter(Exists(due))


def _next_due(claim: Claim, now: dt.datetime) -> WebhookDelivery | None:
    """Return the next one, with the endpoint as it is now, unless it was switched off or given to somebody else."""
    held = WebhookDelivery.objects.pending().filter(
        endpoint_id=claim.endpoint_id, endpoint__lease=claim.lease, endpoint__is_active=True, due_at__lte=now
    )
    return held.select_related("endpoint").order_by("due_at", "position", "id").first()


def _release(claim: Claim, *, now: dt.datetime) -> None:
    held = WebhookEndpoint.objects.filter(pk=claim.endpoint_id, lease=claim.lease)
    held.update(lease=None, leased_until=None, served_at=now)
