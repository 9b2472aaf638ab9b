"""The sink of webhooks: it notes what each endpoint is owed. Sending is the dispatcher's."""

from collections.abc import Sequence

from apps.webhooks.services.queueing import queue_events
from core import clock
from core.events.feed import StoredEvent


class WebhookSink:
    """Takes events by queueing them."""

    name = "webhooks"

    def take(self, events: Sequence[StoredEvent]) -> None:
        queue_events(events, now=clock.now())
