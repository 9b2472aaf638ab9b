"""The embedded worker's threads: what hangs holds up itself, and nothing else that the shop does in the background."""

import datetime as dt
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.conf import settings as shop
from django.db import OperationalError, connection

from core.events import registry
from core.events.feed import last_position
from core.events.looping import Loop, beside
from core.events.registry import handles
from core.events.worker import FanOut, Worker, loops_beside_worker
from core.periodic import registry as periodic_registry
from core.periodic.looping import PeriodicJobs
from core.periodic.models import PeriodicRun
from core.periodic.registry import every
from tests.core.event_kit import Happened, register, tell

PATIENCE_SECONDS = 60.0


def with_threads(test: Any) -> Any:
    """A database that several threads can use."""
    return pytest.mark.postgres(pytest.mark.django_db(transaction=True)(test))


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(periodic_registry, "_jobs", {})
    settings.EVENT_SINKS = {}


class Hanging:
    """A handler or a job that hangs until it is released."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, *_: Any) -> None:
        self.has_begun.set()
        assert self.may_end.wait(PATIENCE_SECONDS * 4)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.may_end.set()


def holds(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; return whether it did in time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (held := condition()) and time.monotonic() < until:
        threading.Event().wait(0.02)
    return held


@contextmanager
def a_worker_at_work(hanging: Hanging) -> Iterator[None]:
    """All that `manage.py worker` runs; what hangs is released before the threads are waited for."""
    worker = Worker()
    with beside([worker, *loops_beside_worker(worker)]):
        try:
            yield
        finally:
            hanging.may_end.set()


@with_threads
def test_a_handler_that_hangs_delays_neither_the_feed_nor_a_periodic_job(hanging: Hanging) -> None:
    runs: list[dt.datetime] = []
    handles(Happened, name="tests.hanging")(hanging)
    start = last_position()
    tell(1)
    with a_worker_at_work(hanging):
        assert hanging.has_begun.wait(PATIENCE_SECONDS)
        every(seconds=60, name="tests.job")(runs.append)
        tell(2)
        assert holds(lambda: last_position() == start + 2)
        assert holds(lambda: len(runs) == 1)
        assert not hanging.may_end.is_set()


@with_threads
def test_a_job_that_hangs_delays_neither_handlers_nor_other_jobs_and_is_not_begun_twice(hanging: Hanging) -> None:
    begun, runs, handler = [], [], register()

    def hang(now: dt.datetime) -> None:
        begun.append(now)
        hanging()

    every(seconds=1, lease_seconds=0, name="tests.hanging")(hang)  # its lease is over at once: it seems free
    every(seconds=1, name="tests.job")(runs.append)
    with a_worker_at_work(hanging):
        assert hanging.has_begun.wait(PATIENCE_SECONDS)
        tell(1)
        assert holds(lambda: handler.numbers == [1] and len(runs) >= 3)
        assert (len(begun), hanging.may_end.is_set()) == (1, False)


@with_threads
def test_a_worker_told_to_stop_lets_the_job_in_hand_end_and_leaves_no_thread(hanging: Hanging) -> None:
    ended: list[bool] = []

    def work(now: dt.datetime) -> None:
        hanging()
        ended.append(True)

    every(seconds=60, name="tests.slow")(work)
    loop = PeriodicJobs()

    def run() -> None:
        loop.run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert hanging.has_begun.wait(PATIENCE_SECONDS)
    loop.stop()
    assert (thread.is_alive(), ended) == (True, [])
    hanging.may_end.set()
    thread.join(PATIENCE_SECONDS)
    assert ended == [True]
    assert [thread for thread in threading.enumerate() if thread.name == "periodic-job"] == []
    row = PeriodicRun.objects.get(job="tests.slow")
    assert (row.leased_until, row.last_error) == (None, "")


@with_threads
def test_a_worker_does_not_wait_for_ever_for_a_job_that_hangs(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.events.looping.LONGEST_FAREWELL_SECONDS", 0.1)
    every(seconds=60, name="tests.hanging")(hanging)
    with beside([PeriodicJobs()]):
        assert hanging.has_begun.wait(PATIENCE_SECONDS)
    assert not hanging.may_end.is_set()
    hanging.may_end.set()
    assert holds(lambda: PeriodicRun.objects.get(job="tests.hanging").leased_until is None)
    assert holds(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("periodic")])


@with_threads
def test_a_job_whose_outcome_cannot_be_written_ends_no_thread_for_good(
    hanging: Hanging, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[dt.datetime] = []

    def lose_the_database(now: dt.datetime) -> None:
        runs.append(now)
        if len(runs) == 1:
            connection.close()
            raise OperationalError("the line is dead")

    every(seconds=1, lease_seconds=0, name="tests.losing")(lose_the_database)
    with a_worker_at_work(hanging), caplog.at_level(logging.ERROR, logger="shop.periodic"):
        assert holds(lambda: len(runs) >= 2)
    assert "a periodic job's outcome could not be written" in [record.message for record in caplog.records]


@pytest.mark.django_db
def test_events_that_are_placed_wake_the_worker() -> None:
    woken: list[bool] = []
    loop = FanOut(wake=lambda: woken.append(True))
    assert (loop.turn(), woken) == (False, [])
    tell(1)
    assert (loop.turn(), woken) == (True, [True])


def test_a_loop_that_is_woken_rests_no_longer() -> None:
    turns, very_long = threading.Semaphore(0), 10 * PATIENCE_SECONDS

    class Sleepy(Loop):
        def turn(self) -> bool:
            self._pause = very_long
            turns.release()
            return False

    loop = Sleepy()
    with beside([loop]):
        assert turns.acquire(timeout=PATIENCE_SECONDS)
        loop.wake()
        assert turns.acquire(timeout=PATIENCE_SECONDS)


@pytest.mark.blind
def test_the_threads_of_a_worker_queue_for_the_one_writer_that_sqlite_has(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    command = [sys.executable, "-m", "tests.core.crowded_sqlite"]
    done = subprocess.run(command, cwd=shop.BASE_DIR, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"told": 180, "placed": 180, "answered": 180, "jobs": True, "log": []}
