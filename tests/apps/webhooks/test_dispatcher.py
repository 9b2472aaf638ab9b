"""The dispatcher on real connections: none waits for a slow one, and no endpoint has two webhooks on their way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services.dispatcher import Dispatcher
from apps.webhooks.services.serving import dispatch_due
from core.events.looping import beside
from core.events.threads import background_loops
from tests.apps.webhooks.receiving import Receiver, endpoint_at, happen

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
EVENTS = 20
THINKING_SECONDS = 0.2  # of the quick receiver: what is measured is not this machine's speed
HANGING = 8


@contextmanager
def dispatchers(count: int = 1) -> Iterator[None]:
    with beside([Dispatcher() for _ in range(count)]):
        yield


def wait_until(is_true: Callable[[], bool], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, "it did not come to that"
        threading.Event().wait(0.01)


def seconds_for(receiver: Receiver) -> float:
    """Return how long it takes until the receiver has one more batch, from its publication to its last event."""
    before, began = len(receiver.received), time.monotonic()
    happen(*range(EVENTS))
    wait_until(lambda: len(receiver.received) == before + EVENTS)
    return time.monotonic() - began


def test_receivers_that_hang_delay_no_other_by_more_than_a_tenth(
    receivers: Callable[[int], list[Receiver]],
) -> None:
    quick, *hanging = receivers(1 + HANGING)
    quick.delay_seconds = THINKING_SECONDS
    endpoint_at(quick)
    with dispatchers():
        seconds_for(quick)  # it proves itself to be quick
        alone = min(seconds_for(quick) for _ in range(2))
        for slow in hanging:
            slow.delay_seconds = 4.0
            endpoint_at(slow)
        beside_them = min(seconds_for(quick) for _ in range(2))
        assert sum(slow.in_flight for slow in hanging) >= 4

    print(f"{EVENTS} webhooks: {alone:.2f} s alone, {beside_them:.2f} s beside {HANGING} that hang")
    assert beside_them <= alone * 1.1
    assert all(slow.most_in_flight <= 1 for slow in hanging)


def test_several_dispatchers_never_send_two_at_once_to_one_endpoint_nor_one_twice(
    receivers: Callable[[int], list[Receiver]],
) -> None:
    opened = receivers(3)
    for receiver in opened:
        receiver.delay_seconds = 0.01
        endpoint_at(receiver)
    with dispatchers(3):
        happen(*range(EVENTS))
        wait_until(lambda: not WebhookDelivery.objects.pending().exists())
    assert [receiver.numbers for receiver in opened] == [list(range(EVENTS))] * 3
    assert [receiver.most_in_flight for receiver in opened] == [1, 1, 1]
    assert not WebhookEndpoint.objects.exclude(lease=None).exists()


def test_told_to_stop_it_finishes_what_is_on_its_way(receiver: Receiver) -> None:
    receiver.delay_seconds = 0.5
    endpoint_at(receiver)
    happen(1, 2, 3)
    with dispatchers():
        wait_until(lambda: receiver.in_flight == 1)
    assert receiver.numbers == [1]
    delivered = WebhookDelivery.objects.filter(state="delivered")
    assert (delivered.count(), WebhookEndpoint.objects.get().lease) == (1, None)
    receiver.delay_seconds = 0
    assert dispatch_due() == 2


def test_worker_and_relay_run_it() -> None:
    assert [type(loop) for loop in background_loops() if loop.name == "webhooks"] == [Dispatcher]
