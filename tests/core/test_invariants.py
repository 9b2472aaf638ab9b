"""verify_invariants: silent when all is well, exit code 1 when it is not."""

import datetime as dt
import io
import json
from collections.abc import Iterable

import pytest
from django.core.management import call_command

from core import clock, invariants
from core.events.fanout import fan_out
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.idempotency.models import IdempotencyRecord
from core.invariants import (
    freshness,
    invariant,
    ledgers_refuse_changes,
    no_dead_deliveries,
    no_stale_idempotency_locks,
    outbox_is_delivered,
)
from tests.core.event_kit import tell

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _only_checks_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_invariants", {})
    monkeypatch.setattr(invariants, "_freshness", {})


def verify(*options: str) -> tuple[int, str]:
    output = io.StringIO()
    try:
        call_command("verify_invariants", *options, stdout=output, no_color=True)
    except SystemExit as stop:
        return int(stop.code or 0), output.getvalue()
    return 0, output.getvalue()


def state(name: str, *violations: str) -> None:
    invariant(name)(lambda: violations)


def test_all_well_is_exit_code_zero() -> None:
    state("tests.sums")
    assert verify() == (0, "ok    tests.sums\nAll invariants hold.\n")


def test_drift_is_shown_and_is_exit_code_one() -> None:
    state("tests.sums")
    state("tests.paths", "order 7 went astray", "order 8 too")
    code, output = verify()
    assert code == 1
    assert output.splitlines() == [
        "DRIFT tests.paths",
        "        order 7 went astray",
        "        order 8 too",
        "ok    tests.sums",
        "1 of 2 invariants are broken.",
    ]


def test_many_violations_are_counted_rather_than_listed() -> None:
    state("tests.sums", *(f"order {number}" for number in range(25)))
    _, output = verify()
    assert "        ... and 5 more\n" in output


def test_waiting_work_is_a_warning_unless_an_age_is_asked_for() -> None:
    asked: list[dt.datetime] = []

    @freshness("tests.fresh")
    def check(since: dt.datetime) -> Iterable[str]:
        asked.append(since)
        return ["one letter"]

    assert verify() == (0, "late  tests.fresh\n        one letter\nAll invariants hold.\n")
    assert verify("--max-age", "0") == (1, "DRIFT tests.fresh\n        one letter\n1 of 1 invariants are broken.\n")
    assert dt.timedelta(seconds=55) < asked[1] - asked[0] < dt.timedelta(seconds=65)


def test_the_outcome_can_be_read_by_programs() -> None:
    state("tests.sums", "order 7")
    code, output = verify("--json")
    assert code == 1
    assert json.loads(output) == {"clean": False, "invariants": {"tests.sums": ["order 7"]}, "warnings": {}}


def test_an_event_without_fan_out_and_a_late_delivery_are_found() -> None:
    tell(1)
    [line] = outbox_is_delivered(clock.now() + HOUR)
    assert "tests.happened" in line
    assert "is not dispatched" in line
    assert list(outbox_is_delivered(clock.now() - HOUR)) == []
    OutboxEvent.objects.update(dispatched_at=clock.now())
    event = OutboxEvent.objects.get()
    OutboxDelivery.objects.create(event=event, handler="tests.first", due_at=clock.now())
    [line] = outbox_is_delivered(clock.now() + HOUR)
    assert "to tests.first is due since" in line


def test_a_delivery_that_will_be_retried_is_not_late() -> None:
    tell(1)
    fan_out(now=clock.now())
    event = OutboxEvent.objects.get()
    OutboxDelivery.objects.create(event=event, handler="tests.first", due_at=clock.now() + HOUR, attempts=1)
    assert list(outbox_is_delivered(clock.now())) == []


def test_a_dead_delivery_is_found() -> None:
    tell(1)
    times = {"due_at": clock.now(), "finished_at": clock.now()}
    OutboxDelivery.objects.create(
        event=OutboxEvent.objects.get(), handler="tests.first", state=DeliveryState.DEAD, **times
    )
    [line] = no_dead_deliveries(clock.now() + HOUR)
    assert line.endswith("to tests.first is dead")


def test_a_stale_idempotency_lock_is_found() -> None:
    now = clock.now()
    IdempotencyRecord.objects.create(
        scope_hash="a", fingerprint="b", locked_until=now, created_at=now, expires_at=now + HOUR
    )
    assert len(list(no_stale_idempotency_locks(now + HOUR))) == 1
    assert list(no_stale_idempotency_locks(now - HOUR)) == []


def test_every_append_only_table_refuses_changes() -> None:
    assert list(ledgers_refuse_changes()) == []


def test_a_ledger_that_lost_its_triggers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "guarded_tables", lambda connection: set())
    assert "inventory_stockmovement has no trigger that refuses changes" in list(ledgers_refuse_changes())


def test_two_checks_cannot_share_a_name() -> None:
    state("tests.sums")
    with pytest.raises(ValueError, match=r"two invariants are called tests\.sums"):
        state("tests.sums")
