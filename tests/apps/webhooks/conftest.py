"""Receivers on loopback, which webhooks may be sent to while a test runs."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from tests.apps.webhooks.receiving import Receiver, open_to


@pytest.fixture
def receivers(settings: LazySettings) -> Iterator[Callable[[int], list[Receiver]]]:
    settings.WEBHOOK_REQUIRE_HTTPS = False
    opened: list[Receiver] = []

    def start(count: int) -> list[Receiver]:
        opened.extend(Receiver() for _ in range(count))
        open_to(*opened)
        return opened[-count:]

    settings.WEBHOOK_ALLOWED_NETWORKS, settings.WEBHOOK_ALLOWED_PORTS = [], ["80", "443"]
    yield start
    for receiver in opened:
        receiver.close()


@pytest.fixture
def receiver(receivers: Callable[[int], list[Receiver]]) -> Receiver:
    return receivers(1)[0]
