"""The life of background work: loops beside each other, alarms when it is late, news of what died."""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from core import clock
from core.events import registry, sinks
from core.events.dead_letters import DeliveryDied
from core.events.fanout import fan_out
from core.events.feed import StoredEvent
from core.events.feeding import SinkFeeder
from core.events.lateness import outbox_ages, watch_outbox
from core.events.looping import Loop, beside
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.events.registry import Envelope, handles
from core.events.relay import Relay
from core.events.worker import deliver_all_due
from core.periodic.models import PeriodicRun
from core.periodic.registry import jobs
from tests.core import broker_kit
from tests.core.event_kit import LONG, later, register, tell

pytestmark = pytest.mark.django_db
ALARM = dt.timedelta(seconds=120)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})


class StuckSink:
    """A sink that takes for as long as a test wants."""

    name = "stuck"
    began, may_end = threading.Event(), threading.Event()

    def take(self, events: Sequence[StoredEvent]) -> None:
        self.began.set()
        self.may_end.wait(20)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_slow_sink_holds_up_no_handler(settings: LazySettings) -> None:
    settings.EVENT_SINKS = {"stuck": f"{__name__}.StuckSink"}
    sinks.pump_all()  # it begins here
    handler = register()
    tell(1)
    deliver_all_due()
    with beside([SinkFeeder()]):
        assert StuckSink.began.wait(20)
        tell(2)
        assert deliver_all_due() == 1
        StuckSink.may_end.set()
    assert handler.numbers == [1, 2]


def test_a_loop_beside_is_begun_anew_when_it_fails_and_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.events.looping.AFTER_FAILURE_SECONDS", 0)
    turns, third = [], threading.Event()

    class Stumbling(Loop):
        def turn(self) -> bool:
            turns.append(len(turns))
            if len(turns) < 3:
                raise RuntimeError("a stone")
            third.set()
            return False

    loop = Stumbling()
    with beside([loop]):
        assert third.wait(20)
    assert loop.is_stopping
    assert [thread for thread in threading.enumerate() if thread.name == Loop.name] == []


def test_a_dead_delivery_is_news_of_its_own_without_the_error() -> None:
    told: list[DeliveryDied] = []
    handles(DeliveryDied, name="tests.tell_admins")(lambda event, envelope: told.append(event))
    register(failures=1, max_attempts=1)
    tell(7)
    deliver_all_due()
    dead = OutboxDelivery.objects.get(state=DeliveryState.DEAD)
    assert told == [
        DeliveryDied(
            delivery_id=str(dead.id),
            handler="tests.first",
            event_id=str(dead.event_id),
            event_name="tests.happened",
            attempts=1,
        )
    ]
    assert "fire" not in str(OutboxEvent.objects.get(name="core.delivery_died").payload)


def test_the_death_of_such_news_is_no_news() -> None:
    def fail(event: Any, envelope: Envelope) -> None:
        raise RuntimeError("nobody listens")

    handles(DeliveryDied, name="tests.tell_admins", max_attempts=1)(fail)
    register(failures=1, max_attempts=1)
    tell(7)
    for days in range(3):
        deliver_all_due(later(LONG * days))
    assert OutboxDelivery.objects.filter(state=DeliveryState.DEAD).count() == 2
    assert OutboxEvent.objects.filter(name="core.delivery_died").count() == 1


def test_a_worker_that_lost_its_lease_tells_of_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    def steal_and_fail(event: Any, envelope: Envelope) -> None:
        OutboxDelivery.objects.update(lease=None)
        raise RuntimeError("too slow")

    handles(registry.known_events()["tests.happened"], name="tests.first", max_attempts=1)(steal_and_fail)
    tell(7)
    deliver_all_due()
    assert OutboxEvent.objects.filter(name="core.delivery_died").count() == 0


@pytest.mark.parametrize("what", ["event", "delivery"])
def test_an_outbox_that_is_late_raises_the_alarm_and_shows_in_the_health_check(
    what: str, caplog: pytest.LogCaptureFixture, client: Client
) -> None:
    register()
    tell(1)
    if what == "delivery":
        assert fan_out(now=clock.now()) == 1
    now = clock.now()
    OutboxEvent.objects.update(occurred_at=now - ALARM)
    OutboxDelivery.objects.update(due_at=now - ALARM)
    with caplog.at_level(logging.ERROR, logger="shop.events"):
        watch_outbox(now)
        assert caplog.records == []
        watch_outbox(now + SECOND)
    assert [record.message for record in caplog.records] == ["outbox is late"]
    OutboxEvent.objects.update(occurred_at=now - ALARM - SECOND)
    OutboxDelivery.objects.update(due_at=now - ALARM - SECOND)
    page = client.get("/api/health_check/").json()
    assert (page["status"], page["parts"]["outbox"]) == ("degraded", "late")


def test_a_delivery_that_waits_for_its_next_attempt_is_not_late(
    django_assert_num_queries: Callable[[int], AbstractContextManager[None]],
) -> None:
    register(failures=1)
    tell(1)
    deliver_all_due()
    OutboxDelivery.objects.update(due_at=later(LONG))
    with django_assert_num_queries(3):  # events, deliveries, sinks
        assert outbox_ages(clock.now()).oldest == dt.timedelta(0)


class RefusingSink:
    """A sink that takes nothing while it is broken."""

    name = "refusing"
    is_broken = True

    def take(self, events: Sequence[StoredEvent]) -> None:
        if self.is_broken:
            raise ConnectionError("nobody is in")


def test_a_sink_that_is_stuck_raises_the_alarm_until_it_takes_what_waits(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, client: Client
) -> None:
    settings.EVENT_SINKS = {"refusing": f"{__name__}.RefusingSink"}
    sinks.pump_all()  # it begins here
    tell(1, 2)
    deliver_all_due()
    now = clock.now()
    OutboxEvent.objects.update(dispatched_at=now - ALARM)
    sinks.pump_all(now=now)
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="shop.events"):
        watch_outbox(now)
        assert caplog.records == []
        watch_outbox(now + SECOND)
        [record] = caplog.records
        assert (record.message, record.late_sinks) == ("outbox is late", ["refusing"])  # type: ignore[attr-defined]
        OutboxEvent.objects.update(dispatched_at=now - ALARM - SECOND)
        assert client.get("/api/health_check/").json()["parts"]["outbox"] == "late"
        monkeypatch.setattr(RefusingSink, "is_broken", False)
        assert sinks.pump_all(now=now + SECOND) == 2
        watch_outbox(now + SECOND)
    assert len(caplog.records) == 1
    assert outbox_ages(now + SECOND).sinks == {"refusing": dt.timedelta(0)}
    assert client.get("/api/health_check/").json()["parts"]["outbox"] == "ok"


def test_a_sink_that_is_not_fed_any_more_is_not_late(settings: LazySettings) -> None:
    settings.EVENT_SINKS = {"refusing": f"{__name__}.RefusingSink"}
    sinks.pump_all()
    tell(1)
    deliver_all_due()
    OutboxEvent.objects.update(dispatched_at=clock.now() - ALARM * 2)
    assert outbox_ages(clock.now()).is_late
    settings.EVENT_SINKS = {}
    assert (outbox_ages(clock.now()).is_late, outbox_ages(clock.now()).sinks) == (False, {})


def test_the_relay_raises_the_alarm_when_no_celery_worker_could(settings: LazySettings) -> None:
    broker_kit.use_broker(settings, f"redis://127.0.0.1:{broker_kit.closed_port()}/0")
    assert "core.watch_outbox" in jobs()
    relay = Relay()
    relay.turn()
    relay.turn()
    assert PeriodicRun.objects.get(job="core.watch_outbox").last_finished_at is not None
    assert PeriodicRun.objects.count() == 1
