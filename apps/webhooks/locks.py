"""The row that whoever changes an endpoint, or what it is owed, holds first."""

import uuid

from apps.webhooks.errors import EndpointNotFound
from apps.webhooks.models import WebhookEndpoint


def lock_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """Return the endpoint, locked to the end of the transaction. Raises EndpointNotFound."""
    endpoint = find_locked(endpoint_id)
    if endpoint is None:
        raise EndpointNotFound
    return endpoint


def find_locked(endpoint_id: uuid.UUID) -> WebhookEndpoint | None:
    """Return the endpoint, locked, or None if it was deleted."""
    return WebhookEndpoint.objects.select_for_update(of=("self",)).filter(pk=endpoint_id).first()
