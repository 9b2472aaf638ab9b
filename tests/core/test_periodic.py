"""Periodic jobs: each in its time, never twice at once, and a failure is noted and tried again."""

import datetime as dt
from collections.abc import Callable

import pytest

from core import clock
from core.idempotency.models import IdempotencyRecord
from core.periodic import registry
from core.periodic.models import PeriodicRun
from core.periodic.registry import every
from core.periodic.running import run_due
from core.periodic.upkeep import free_idempotency_keys

pytestmark = pytest.mark.django_db
NOW = clock.now()
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _only_jobs_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_jobs", {})


def register(
    *, seconds: int = 60, lease_seconds: int = 600, act: Callable[[], None] | None = None
) -> list[dt.datetime]:
    runs: list[dt.datetime] = []

    def job(now: dt.datetime) -> None:
        runs.append(now)
        if act is not None:
            act()

    every(seconds=seconds, name="tests.job", lease_seconds=lease_seconds)(job)
    return runs


def test_a_job_runs_at_once_and_then_once_in_each_period() -> None:
    runs = register(seconds=60)
    moments = [NOW, NOW + MINUTE / 2, NOW + MINUTE, NOW + MINUTE * 1.5, NOW + MINUTE * 10]
    assert [run_due(moment) for moment in moments] == [1, 0, 1, 0, 1]
    assert runs == [NOW, NOW + MINUTE, NOW + MINUTE * 10]


def test_a_job_that_fails_is_noted_and_tried_again_a_period_later() -> None:
    failing = [True]

    def act() -> None:
        if failing.pop():
            failing.append(False)
            raise RuntimeError("no paper")

    runs = register(act=act)
    assert run_due(NOW) == 1
    row = PeriodicRun.objects.get()
    assert row.last_error.endswith("RuntimeError: no paper")
    assert (row.leased_until, row.due_at) == (None, NOW + MINUTE)
    assert run_due(NOW + MINUTE) == 1
    assert PeriodicRun.objects.get().last_error == ""
    assert len(runs) == 2


def test_a_job_does_not_run_in_parallel_with_itself() -> None:
    inner: list[int] = []
    register(act=lambda: inner.append(run_due(NOW + MINUTE * 2)))
    assert run_due(NOW) == 1
    assert inner == [0]


def test_a_job_whose_process_died_runs_again_when_its_lease_is_over() -> None:
    runs = register(lease_seconds=120)
    PeriodicRun.objects.create(job="tests.job", due_at=NOW - MINUTE, leased_until=NOW + MINUTE * 2)
    assert run_due(NOW + MINUTE) == 0
    assert run_due(NOW + MINUTE * 2) == 1
    assert runs == [NOW + MINUTE * 2]


def test_nothing_due_costs_one_statement(django_assert_num_queries: Callable[[int], object]) -> None:
    register()
    run_due(NOW)
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        assert run_due(NOW) == 0


def test_two_functions_cannot_share_a_name() -> None:
    register()
    with pytest.raises(ValueError, match=r"two periodic jobs are called tests\.job"):
        register()


def test_an_idempotency_key_whose_request_died_is_freed_and_an_answered_one_kept() -> None:
    times = {"created_at": NOW, "expires_at": NOW + MINUTE * 60, "fingerprint": ""}
    IdempotencyRecord.objects.create(scope_hash="dead", locked_until=NOW - MINUTE, **times)
    IdempotencyRecord.objects.create(scope_hash="running", locked_until=NOW + MINUTE, **times)
    IdempotencyRecord.objects.create(scope_hash="answered", status=201, **times)
    free_idempotency_keys(NOW)
    assert set(IdempotencyRecord.objects.values_list("scope_hash", flat=True)) == {"running", "answered"}
