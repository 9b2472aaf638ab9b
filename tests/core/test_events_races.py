"""The outbox with several workers, and with workers that die: on real connections and real processes."""

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from core import clock
from core.events import leasing, registry
from core.events import worker as worker_module
from core.events.fanout import fan_out
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.events.registry import handles
from core.events.worker import deliver_all_due
from core.periodic import registry as periodic_registry
from core.periodic.models import PeriodicRun
from core.periodic.registry import every
from core.periodic.running import run_due
from tests.core.event_kit import Happened, later, only_delivery, tell

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROOT = Path(settings.BASE_DIR)
LEASE_OVER = dt.timedelta(seconds=leasing.LEASE_SECONDS + 1)
EVENTS = 200


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(periodic_registry, "_jobs", {})


def in_threads(task: Callable[[], object], *, count: int = 4) -> list[object]:
    """Run the task in several threads that start together, each on a connection of its own."""
    start, results = threading.Barrier(count), []

    def work() -> None:
        try:
            start.wait()
            results.append(task())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def count_calls() -> Counter[int]:
    calls: Counter[int] = Counter()

    def answer(event: Happened, envelope: registry.Envelope) -> None:
        time.sleep(random.random() / 1000)
        calls[event.number] += 1

    handles(Happened, name="tests.first")(answer)
    return calls


def test_several_workers_deliver_each_event_once() -> None:
    calls = count_calls()
    tell(*range(EVENTS))
    done = in_threads(deliver_all_due)
    deliver_all_due()
    assert calls == dict.fromkeys(range(EVENTS), 1)
    assert sum(done) == EVENTS  # type: ignore[arg-type]
    assert set(OutboxDelivery.objects.values_list("state", "attempts")) == {(DeliveryState.DONE, 1)}


def test_control_workers_without_leases_deliver_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls()
    tell(*range(5))
    fan_out(now=clock.now())
    real_lease, one_reads, both_have_read = leasing.lease_due, threading.Lock(), threading.Barrier(2, timeout=10)

    def read_without_leasing(*, now: dt.datetime) -> list[leasing.Leased]:
        with one_reads, transaction.atomic():
            leased = real_lease(now=now)
            transaction.set_rollback(True)
        both_have_read.wait()
        return leased

    monkeypatch.setattr(worker_module, "lease_due", read_without_leasing)
    monkeypatch.setattr(leasing, "_held", lambda done, **changes: _write(done, changes))
    in_threads(deliver_all_due, count=2)
    assert calls == dict.fromkeys(range(5), 2)


def _write(done: Sequence[leasing.Leased], changes: dict[str, object]) -> int:
    return OutboxDelivery.objects.filter(id__in=[leased.id for leased in done]).update(**changes)


def in_a_process_that_dies() -> int:
    """Deliver what is due in a forked process; return its exit code."""
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            deliver_all_due()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_a_worker_killed_in_its_handler_is_succeeded_when_its_lease_is_over() -> None:
    parent, seen = os.getpid(), []

    def answer(event: Happened, envelope: registry.Envelope) -> None:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(envelope.attempt)

    handles(Happened, name="tests.first")(answer)
    tell(1)
    assert in_a_process_that_dies() == -signal.SIGKILL
    assert deliver_all_due() == 0
    assert deliver_all_due(later(LEASE_OVER)) == 1
    assert seen == [2]


def test_a_handler_that_kills_every_worker_ends_dead() -> None:
    handles(Happened, name="tests.first", max_attempts=2)(lambda event, envelope: os._exit(9))
    tell(1)
    for attempt in (1, 2):
        assert in_a_process_that_dies() == 9
        assert only_delivery().attempts == attempt
        OutboxDelivery.objects.update(leased_until=clock.now())
    assert in_a_process_that_dies() == 0
    dead = only_delivery()
    assert (dead.state, dead.attempts) == (DeliveryState.DEAD, 2)
    assert "its process died or hung" in dead.last_error


def test_one_of_several_processes_runs_a_periodic_job() -> None:
    runs: list[dt.datetime] = []
    every(seconds=60, name="tests.job")(runs.append)
    PeriodicRun.objects.create(job="tests.job", due_at=clock.now())
    now = later(dt.timedelta(seconds=1))
    assert sorted(in_threads(lambda: run_due(now), count=8)) == [0] * 7 + [1]  # type: ignore[type-var]
    assert runs == [now]


@pytest.fixture
def worker_process() -> Iterator[subprocess.Popen[str]]:
    database = settings.DATABASES["default"]
    url = (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def wait_until_dispatched(*, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not OutboxEvent.objects.filter(dispatched_at=None).exists():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_process_outlives_its_database_connection_and_stops_cleanly(
    worker_process: subprocess.Popen[str], stop: signal.Signals
) -> None:
    assert worker_process.stdout is not None
    assert "watching the outbox" in worker_process.stdout.readline()
    tell(1)
    assert wait_until_dispatched()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 1
    tell(2)
    assert wait_until_dispatched()
    worker_process.send_signal(stop)
    output, _ = worker_process.communicate(timeout=30)
    assert (worker_process.returncode, output) == (0, "Worker: stopped.\n")
