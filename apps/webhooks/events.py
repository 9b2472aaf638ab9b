"""News about webhooks. `host` is all that is told of an endpoint's address: the rest of it may be secret."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookEndpointEvent(Event):
    """Base: which endpoint."""

    endpoint_id: str

    @property
    def aggregate_id(self) -> str:
        return self.endpoint_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookEndpointDisabled(WebhookEndpointEvent):
    """The shop has stopped sending to an endpoint. `reason` is gone (it answered 410) or failing (for three days)."""

    name: ClassVar[str] = "webhooks.endpoint_disabled"

    host: str
    description: str
    reason: str
    failing_since: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebhookPinged(WebhookEndpointEvent):
    """Somebody wants to see whether an endpoint receives what it is sent. Only that endpoint gets it."""

    name: ClassVar[str] = "webhooks.ping"
