"""How an endpoint fares: left alone for a while when it fails, switched off when it has failed for three days."""

import datetime as dt

from apps.webhooks.events import WebhookEndpointDisabled
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.retries import KEEP_TRYING, pause_after
from apps.webhooks.states import DisabledReason, WebhookState
from core.events.publishing import publish

GONE_STATUS = 410
SLOW_MILLISECONDS = 1000
FAILURES_OF_OUTAGE = 3
_DROPPED = {DisabledReason.GONE: "the receiver wants no more", DisabledReason.FAILING: "the endpoint was switched off"}


def note_success(endpoint: WebhookEndpoint, *, milliseconds: int, now: dt.datetime) -> None:
    """The locked endpoint has a clean record; if it is back after an outage, all it is owed is due at once, in order.

    A single event that it refuses is no outage: that one waits for its own time.
    """
    was_failing, is_slow = endpoint.failing_since is not None, milliseconds >= SLOW_MILLISECONDS
    if endpoint.failures >= FAILURES_OF_OUTAGE:
        WebhookDelivery.objects.pending().filter(endpoint=endpoint).update(due_at=now)
    if was_failing or endpoint.is_slow != is_slow:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            failures=0, failing_since=None, retry_at=None, is_slow=is_slow
        )


def note_failure(endpoint: WebhookEndpoint, *, status: int | None, now: dt.datetime) -> None:
    """The locked endpoint is left alone for a while, or switched off: after a 410, and after three days of failures.

    Publishes WebhookEndpointDisabled when it is switched off.
    """
    failing_since = endpoint.failing_since or now
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        failures=endpoint.failures + 1,
        failing_since=failing_since,
        retry_at=now + pause_after(endpoint.failures + 1),
        is_slow=True,
    )
    if not endpoint.is_active:
        return
    if status == GONE_STATUS:
        _switch_off(endpoint, reason=DisabledReason.GONE, failing_since=failing_since, now=now)
    elif now - failing_since >= KEEP_TRYING:
        _switch_off(endpoint, reason=DisabledReason.FAILING, failing_since=failing_since, now=now)


def _switch_off(
    endpoint: WebhookEndpoint, *, reason: DisabledReason, failing_since: dt.datetime, now: dt.datetime
) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(is_active=False, disabled_reason=reason, updated_at=now)
    WebhookDelivery.objects.pending().filter(endpoint=endpoint).update(
        state=WebhookState.DROPPED, finished_at=now, last_error=_DROPPED[reason]
    )
    publish(
        WebhookEndpointDisabled(
            endpoint_id=str(endpoint.pk),
            host=endpoint.host,
            description=endpoint.description,
            reason=reason,
            failing_since=failing_since.isoformat(),
        )
    )
