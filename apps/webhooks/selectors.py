"""Reads of endpoints and what they are owed."""

import uuid

from django.db.models import QuerySet

from apps.webhooks.errors import EndpointNotFound
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.states import WebhookState


def list_endpoints() -> QuerySet[WebhookEndpoint]:
    """Return all endpoints, oldest first."""
    return WebhookEndpoint.objects.order_by("created_at", "id")


def find_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """Return one. One statement. Raises EndpointNotFound."""
    endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointNotFound
    return endpoint


def list_deliveries(
    *, endpoint_id: uuid.UUID, state: WebhookState | None = None, event_id: uuid.UUID | None = None
) -> QuerySet[WebhookDelivery]:
    """Return an endpoint's deliveries with their tries, newest first. Two statements."""
    wanted = {"state": state, "event_id": event_id}
    narrowed = {name: value for name, value in wanted.items() if value is not None}
    rows = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, **narrowed)
    return rows.order_by("-position", "-id").prefetch_related("tries")
