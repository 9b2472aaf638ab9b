"""What is sent: the body of an event and the headers that prove who sent it."""

import dataclasses
import datetime as dt
import json
import uuid
from typing import Any

from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.sealing import unseal
from apps.webhooks.signing import signature_header
from core.events.models import OutboxEvent

BODY_MAX_BYTES = 20_000


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One try of one webhook. The body is the same at every try; timestamp and signature are not."""

    body: bytes
    headers: dict[str, str]


def find_event(event_id: uuid.UUID) -> OutboxEvent | None:
    """Return the event, None if it is no longer kept."""
    return OutboxEvent.objects.filter(pk=event_id).first()


def make_message(event: OutboxEvent, *, endpoint: WebhookEndpoint, now: dt.datetime) -> Message:
    """Return the message, signed with the endpoint's secret, and with the old one while it is good.

    Raises CannotUnseal.
    """
    body, message_id, timestamp = body_of(event), str(event.id), int(now.timestamp())
    signature = signature_header(keys=_secrets(endpoint, now), message_id=message_id, timestamp=timestamp, body=body)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
    return Message(body=body, headers=headers)


def body_of(event: OutboxEvent) -> bytes:
    """Return what is sent of an event. One too large for a webhook goes thin: the feed has the whole of it."""
    full = _encode(event, event.payload, is_thin=False)
    return full if len(full) <= BODY_MAX_BYTES else _encode(event, {}, is_thin=True)


def _encode(event: OutboxEvent, data: dict[str, Any], *, is_thin: bool) -> bytes:
    document = {
        "type": event.name,
        "timestamp": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "data": data,
        "id": str(event.id),
        "version": event.version,
        "position": event.position,
        "aggregate_id": event.aggregate_id,
        "is_thin": is_thin,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _secrets(endpoint: WebhookEndpoint, now: dt.datetime) -> list[str]:
    sealed = [endpoint.sealed_secret]
    if endpoint.sealed_old_secret and endpoint.old_secret_until and endpoint.old_secret_until > now:
        sealed.append(endpoint.sealed_old_secret)
    return [unseal(text) for text in sealed]
