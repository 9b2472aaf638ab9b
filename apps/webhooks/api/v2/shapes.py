"""The v2 shapes of events, endpoints and deliveries."""

from typing import Any

from apps.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.webhooks.states import WebhookState
from core.events.feed import StoredEvent


def shape_event(event: StoredEvent) -> dict[str, Any]:
    """Return an event as the feed shows it."""
    return {
        "id": event.id,
        "position": event.position,
        "name": event.name,
        "version": event.version,
        "aggregate_id": event.aggregate_id,
        "occurred_at": event.occurred_at,
        "payload": event.payload,
    }


def shape_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return an endpoint without its secret."""
    return {
        "id": endpoint.pk,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_names": endpoint.event_names,
        "is_active": endpoint.is_active,
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": endpoint.failing_since,
        "old_secret_until": endpoint.old_secret_until,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def shape_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return a delivery with its tries, which are fetched with it."""
    is_pending = delivery.state == WebhookState.PENDING
    return {
        "id": delivery.pk,
        "event_id": delivery.event_id,
        "event_name": delivery.event_name,
        "position": delivery.position,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "queued_at": delivery.queued_at,
        "due_at": delivery.due_at if is_pending else None,
        "finished_at": delivery.finished_at,
        "tries": [_shape_try(entry) for entry in delivery.tries.all()],
    }


def _shape_try(entry: WebhookAttempt) -> dict[str, Any]:
    return {
        "number": entry.number,
        "sent_at": entry.sent_at,
        "milliseconds": entry.milliseconds,
        "status": entry.status,
        "error": entry.error,
        "answer": entry.answer,
    }
