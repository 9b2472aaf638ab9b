"""Making and changing endpoints. A secret is shown by whoever makes it, once: afterwards only the seal is kept."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Sequence

from apps.webhooks.errors import EndpointInactive, TooManyEndpoints
from apps.webhooks.events import WebhookPinged
from apps.webhooks.locks import lock_endpoint
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.sealing import seal
from apps.webhooks.services.addresses import check_endpoint_address
from apps.webhooks.signing import new_secret
from apps.webhooks.states import DisabledReason
from core.events.publishing import publish
from core.transactions import atomic

ENDPOINTS_MAX = 50
OLD_SECRET_STAYS = dt.timedelta(hours=24)


@dataclasses.dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What shall be different; None leaves a thing as it is."""

    url: str | None = None
    description: str | None = None
    event_names: Sequence[str] | None = None
    is_active: bool | None = None


def create_endpoint(*, url: str, description: str = "", event_names: Sequence[str] = ()) -> tuple[WebhookEndpoint, str]:
    """Events from now on are sent to `url`; without names, all of them. Returns the endpoint and its secret.

    Resolves the address's name: not in a transaction. Raises InvalidInput for an address that is not sent to, and
    TooManyEndpoints.
    """
    check_endpoint_address(url)
    if WebhookEndpoint.objects.count() >= ENDPOINTS_MAX:
        raise TooManyEndpoints(f"There are {ENDPOINTS_MAX} already.", limit=ENDPOINTS_MAX)
    secret = new_secret()
    endpoint = WebhookEndpoint.objects.create(
        url=url, description=description, event_names=sorted(set(event_names)), sealed_secret=seal(secret)
    )
    return endpoint, secret


def update_endpoint(
    *, endpoint_id: uuid.UUID, changes: EndpointChanges, precondition: Callable[[], None] | None = None
) -> WebhookEndpoint:
    """The endpoint is as asked. Switched on again, it starts with a clean record; what is pending goes out at once.

    Locks the endpoint. Raises EndpointNotFound, InvalidInput (see create_endpoint) and what `precondition` raises.
    """
    if changes.url is not None:
        check_endpoint_address(changes.url)
    with atomic():
        endpoint = lock_endpoint(endpoint_id)
        if precondition is not None:
            precondition()
        _apply(changes, endpoint)
        endpoint.save()
    return endpoint


def delete_endpoint(*, endpoint_id: uuid.UUID) -> None:
    """The endpoint, what it was owed and the log are gone. Locks the endpoint. Raises EndpointNotFound."""
    with atomic():
        lock_endpoint(endpoint_id).delete()


def rotate_secret(*, endpoint_id: uuid.UUID, now: dt.datetime) -> tuple[WebhookEndpoint, str]:
    """Webhooks are signed with a new secret, and for a day with the one before as well. Returns the new one.

    Locks the endpoint. Raises EndpointNotFound.
    """
    secret = new_secret()
    with atomic():
        endpoint = lock_endpoint(endpoint_id)
        endpoint.sealed_old_secret, endpoint.sealed_secret = endpoint.sealed_secret, seal(secret)
        endpoint.old_secret_until = now + OLD_SECRET_STAYS
        endpoint.save(update_fields=["sealed_secret", "sealed_old_secret", "old_secret_until", "updated_at"])
    return endpoint, secret


def request_ping(*, endpoint_id: uuid.UUID) -> None:
    """A ping is on its way to the endpoint, through all that an event goes through.

    Locks the endpoint. Publishes WebhookPinged. Raises EndpointNotFound and EndpointInactive.
    """
    with atomic():
        if not lock_endpoint(endpoint_id).is_active:
            raise EndpointInactive
        publish(WebhookPinged(endpoint_id=str(endpoint_id)))


def _apply(changes: EndpointChanges, endpoint: WebhookEndpoint) -> None:
    if changes.url is not None:
        endpoint.url = changes.url
    if changes.description is not None:
        endpoint.description = changes.description
    if changes.event_names is not None:
        endpoint.event_names = sorted(set(changes.event_names))
    if changes.is_active is not None and changes.is_active != endpoint.is_active:
        endpoint.is_active = changes.is_active
        endpoint.disabled_reason = "" if changes.is_active else DisabledReason.BY_ADMIN
    if changes.is_active or changes.url is not None:
        endpoint.failures, endpoint.failing_since, endpoint.retry_at, endpoint.is_slow = 0, None, None, True
