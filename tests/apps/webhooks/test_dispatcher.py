"""The dispatcher on real connections: none waits for a slow one, and no endpoint has two webhooks on their way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import health
from apps.webhooks.services.dispatcher import QUICK_THREADS, SLOW_THREADS, Dispatcher
from apps.webhooks.services.serving import dispatch_due
from apps.webhooks.states import DisabledReason
from core.events.looping import beside
from core.events.threads import background_loops
from tests.apps.webhooks.receiving import Receiver, endpoint_at, happen

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
EVENTS = 12
THINKING_SECONDS = 0.25  # of the quick receiver: what is measured is not this machine's speed
HANGING, HANGING_SECONDS = 8, 2.0
ROUNDS_MAX = 20


@contextmanager
def dispatchers(count: int = 1) -> Iterator[None]:
    with beside([Dispatcher() for _ in range(count)]):
        yield


def wait_until(is_true: Callable[[], bool], *, seconds: float = 120) -> None:
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


def switch(*receivers: Receiver, is_on: bool) -> None:
    endpoints = WebhookEndpoint.objects.filter(url__in=[receiver.url for receiver in receivers])
    endpoints.update(is_active=is_on, disabled_reason="" if is_on else DisabledReason.BY_ADMIN)


@contextmanager
def hanging_all_along(hanging: list[Receiver]) -> Iterator[None]:
    """Their endpoints are on, and keep all threads for the slow busy; afterwards they are off and nothing hangs."""
    switch(*hanging, is_on=True)
    wait_until(lambda: sum(slow.in_flight for slow in hanging) == SLOW_THREADS)
    yield
    switch(*hanging, is_on=False)
    wait_until(lambda: sum(slow.in_flight for slow in hanging) == 0)


def test_receivers_that_hang_delay_no_other_by_more_than_a_tenth(
    receivers: Callable[[int], list[Receiver]],
) -> None:
    """Rounds with and without them take turns, and the quickest of each count, so that what else the machine does
    falls on both. A dispatcher that delays others by more than a tenth never comes to an end here: more rounds only
    make the quickest one alone quicker."""
    quick, *hanging = receivers(1 + HANGING)
    quick.delay_seconds = THINKING_SECONDS
    endpoint_at(quick)
    alone: list[float] = []
    beside_them: list[float] = []
    with dispatchers():
        seconds_for(quick)  # it proves itself to be quick
        for slow in hanging:
            slow.delay_seconds = HANGING_SECONDS
            endpoint_at(slow)
        seconds_for(quick)  # those that hang are owed as much, which lasts them to the end
        while len(alone) < 2 or min(beside_them) > min(alone) * 1.1:
            assert len(alone) < ROUNDS_MAX, (alone, beside_them)
            with hanging_all_along(hanging):
                beside_them.append(seconds_for(quick))
            alone.append(seconds_for(quick))

    print(f"{EVENTS} webhooks: {min(alone):.2f} s alone, {min(beside_them):.2f} s beside {HANGING} that hang")
    assert all(slow.most_in_flight == 1 for slow in hanging)


def test_without_threads_of_their_own_receivers_that_hang_hold_the_others_up(
    receivers: Callable[[int], list[Receiver]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: nobody is ever called slow."""
    quick, *hanging = receivers(1 + HANGING)
    monkeypatch.setattr(health, "SLOW_MILLISECONDS", 10**9)
    for receiver in (quick, *hanging):
        endpoint_at(receiver)
    for slow in hanging:
        slow.delay_seconds = HANGING_SECONDS
    WebhookEndpoint.objects.update(is_slow=False)
    switch(quick, is_on=False)
    with dispatchers():
        happen(0)
        wait_until(lambda: sum(slow.in_flight for slow in hanging) == QUICK_THREADS)
        answered = sum(len(slow.received) for slow in hanging)
        switch(quick, is_on=True)
        happen(1)
        wait_until(lambda: 1 in quick.numbers)
        assert sum(len(slow.received) for slow in hanging) > answered


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
