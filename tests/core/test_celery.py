"""Celery's workers and beat in processes of their own: killed, stopped, fed nonsense; each delivery has one effect."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

import config.celery
from core import clock
from core.events import registry
from core.events.fanout import fan_out
from core.events.forwarding import Forwarder
from core.events.models import DeliveryState, OutboxDelivery
from core.events.tasks import run_periodic
from core.periodic import registry as periodic_registry
from core.periodic.models import PeriodicRun
from core.periodic.registry import every
from core.periodic.running import run_named
from core.periodic.schedule import beat_schedule
from tests.core import broker_kit
from tests.core.broker_kit import CeleryWorker, wait_until
from tests.core.celery_numbers import KILLS_ITS_PROCESS, WAITS_FOR_EVER
from tests.core.event_kit import register, tell
from tests.core.test_relay import BROKERS

EVENTS = 40
NOW = clock.now()


@pytest.fixture(autouse=True)
def _only_what_this_test_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(periodic_registry, "_jobs", {})
    register()  # so that this process fans out what the worker's own handler of that name answers


@pytest.fixture(params=BROKERS)
def forwarder(request: pytest.FixtureRequest, settings: LazySettings) -> Iterator[Forwarder]:
    broker_kit.use_broker(settings, broker_kit.broker_url(request.param))
    forwarder = Forwarder()
    yield forwarder
    forwarder.close()
    broker_kit.forget_broker()


@pytest.fixture
def worker(forwarder: Forwarder, tmp_path: Path) -> Iterator[CeleryWorker]:
    worker = CeleryWorker(tmp_path)
    yield worker
    worker.kill()


def send(forwarder: Forwarder, *numbers: int) -> None:
    tell(*numbers)
    fan_out(now=clock.now())
    forwarder.forward(now=clock.now())


def effects(folder: Path) -> Counter[str]:
    path = folder / "effects"
    return Counter(path.read_text().split("\n")[:-1]) if path.exists() else Counter()


def are_done(count: int) -> bool:
    return OutboxDelivery.objects.filter(state=DeliveryState.DONE).count() == count


def end_leases() -> None:
    OutboxDelivery.objects.filter(state=DeliveryState.PENDING).update(leased_until=clock.now())


needs_processes = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class TestWorker:
    pytestmark = needs_processes

    def test_each_delivery_is_done_once_and_the_worker_stops_cleanly(
        self, forwarder: Forwarder, worker: CeleryWorker, tmp_path: Path
    ) -> None:
        send(forwarder, *range(EVENTS))
        wait_until(lambda: are_done(EVENTS))
        assert effects(tmp_path) == {str(number): 1 for number in range(EVENTS)}
        assert set(OutboxDelivery.objects.values_list("attempts", flat=True)) == {1}
        assert worker.stop() == 0

    def test_a_worker_killed_in_the_middle_is_succeeded_and_there_is_one_effect(
        self, forwarder: Forwarder, worker: CeleryWorker, tmp_path: Path
    ) -> None:
        send(forwarder, WAITS_FOR_EVER, 1)
        wait_until(lambda: effects(tmp_path)[f"begun {WAITS_FOR_EVER}"] and are_done(1))
        worker.kill()
        end_leases()
        assert forwarder.forward(now=clock.now()) == 1
        successor = CeleryWorker(tmp_path)
        wait_until(lambda: are_done(2))
        assert effects(tmp_path) == {f"begun {WAITS_FOR_EVER}": 1, str(WAITS_FOR_EVER): 1, "1": 1}
        assert successor.stop() == 0
        assert effects(tmp_path)[str(WAITS_FOR_EVER)] == 1  # also after the broker gave the killed one's message again

    def test_a_handler_that_kills_its_process_takes_nothing_with_it(
        self, forwarder: Forwarder, worker: CeleryWorker, tmp_path: Path
    ) -> None:
        send(forwarder, KILLS_ITS_PROCESS, *range(10))
        wait_until(lambda: are_done(10))
        end_leases()
        assert forwarder.forward(now=clock.now()) == 1
        wait_until(lambda: are_done(11))
        assert effects(tmp_path) == {str(number): 1 for number in (KILLS_ITS_PROCESS, *range(10))}

    def test_messages_that_make_no_sense_are_thrown_away_and_the_next_ones_work(
        self, forwarder: Forwarder, worker: CeleryWorker, tmp_path: Path
    ) -> None:
        send_task = config.celery.app.send_task
        queue = f"{forwarder_prefix()}default"
        for name, arguments in (
            ("core.run_delivery", ["no-uuid", 0]),
            ("core.run_delivery", []),
            ("core.run_delivery", [{"a": 1}, "many"]),
            ("core.no_such_task", ["x"]),
            ("core.run_periodic", ["no.such_job"]),
        ):
            send_task(name, arguments, queue=queue)
        with config.celery.app.producer_pool.acquire() as producer:
            producer.publish(b"\x80\x04not json", routing_key=queue, content_type="application/x-python-serialize",
                             content_encoding="binary")  # fmt: skip
        send(forwarder, 1)
        wait_until(lambda: are_done(1))
        assert effects(tmp_path) == {"1": 1}
        assert broker_kit.waiting() == 0


def forwarder_prefix() -> str:
    return str(config.celery.app.conf.task_default_queue).removesuffix("default")


def test_beat_asks_about_every_job_and_its_messages_expire() -> None:
    every(seconds=2, name="tests.often")(lambda now: None)
    every(seconds=3600, name="tests.seldom")(lambda now: None)
    schedule = {name: beat_schedule()[name] for name in ("tests.often", "tests.seldom")}
    found = {
        name: (entry["args"], entry["schedule"].total_seconds(), entry["options"]["expires"])
        for name, entry in schedule.items()
    }
    assert found == {
        "tests.often": (("tests.often",), 2.0, 10),
        "tests.seldom": (("tests.seldom",), 30.0, 30),
    }
    assert schedule["tests.often"]["options"]["queue"].endswith(".periodic")


@pytest.mark.django_db(transaction=True)
def test_a_job_asked_about_twice_in_its_period_runs_once() -> None:
    runs: list[dt.datetime] = []
    every(seconds=60, name="tests.job")(runs.append)
    run_periodic("tests.job")
    run_periodic("tests.job")
    assert len(runs) == 1
    assert PeriodicRun.objects.get(job="tests.job").last_finished_at is not None


@pytest.mark.django_db
def test_a_question_that_comes_a_moment_early_does_not_cost_a_period() -> None:
    runs: list[dt.datetime] = []
    every(seconds=60, name="tests.job")(runs.append)
    moments = [NOW + dt.timedelta(seconds=seconds) for seconds in (0, 58.9, 59.5, 118)]
    assert [run_named("tests.job", now=moment) for moment in moments] == [True, False, True, False]
    assert runs == [moments[0], moments[2]]


@pytest.mark.django_db
def test_a_job_that_is_not_in_the_code_does_not_run() -> None:
    assert run_named("tests.gone", now=NOW) is False
    assert not PeriodicRun.objects.exists()
