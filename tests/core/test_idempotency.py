"""Keys: one effect, the first answer again, no trace of a refusal, no key frozen by a crash."""

import datetime as dt
from typing import Any

import pytest
from django.conf import LazySettings

from core import clock
from core.errors import Conflict
from core.idempotency import keys
from core.idempotency.errors import KeyReused, RequestInFlight
from core.idempotency.keys import Answer, KeyClaim
from core.models import IdempotencyRecord, PeriodicRun

pytestmark = pytest.mark.django_db


def claim(key: str = "k", *, body: Any = None, now: dt.datetime | None = None, caller: str = "user:1") -> KeyClaim:
    return KeyClaim(
        scope=f"{caller}\n{key}",
        fingerprint=keys.fingerprint("POST", "/orders/", body if body is not None else {"a": 1}),
        now=now or clock.now(),
    )


class Effect:
    """Counts in the database how often it happened, as an order would."""

    def __call__(self) -> str:
        PeriodicRun.objects.create(job=f"effect-{PeriodicRun.objects.count()}", due_at=clock.now())
        return "done"

    @property
    def count(self) -> int:
        return PeriodicRun.objects.count()


def to_answer(outcome: str | Answer) -> Answer:
    return Answer(status=201, headers={"Location": "/x/"}, body=b'{"secret":"token"}')


RUNNERS = [keys.run_in_one_transaction, keys.run_in_steps]


@pytest.mark.parametrize("run", RUNNERS)
def test_the_second_request_gets_the_first_answer_byte_for_byte(run: Any) -> None:
    effect = Effect()
    assert run(claim(), effect, to_answer) == "done"
    again = run(claim(), effect, to_answer)
    assert again == Answer(status=201, headers={"Location": "/x/"}, body=b'{"secret":"token"}')
    assert effect.count == 1


@pytest.mark.parametrize("run", RUNNERS)
def test_another_request_under_the_key_is_refused_and_does_nothing(run: Any) -> None:
    effect = Effect()
    run(claim(), effect, to_answer)
    with pytest.raises(KeyReused):
        run(claim(body={"a": 2}), effect, to_answer)
    assert effect.count == 1


@pytest.mark.parametrize("run", RUNNERS)
def test_keys_of_two_callers_do_not_meet(run: Any) -> None:
    effect = Effect()
    run(claim(caller="user:1"), effect, to_answer)
    assert run(claim(caller="user:2"), effect, to_answer) == "done"
    assert effect.count == 2


@pytest.mark.parametrize("run", RUNNERS)
def test_a_refusal_is_not_kept(run: Any) -> None:
    def refuse() -> str:
        raise Conflict("sold out")

    with pytest.raises(Conflict):
        run(claim(), refuse, to_answer)
    assert not IdempotencyRecord.objects.exists()
    assert run(claim(), Effect(), to_answer) == "done"


@pytest.mark.parametrize("run", RUNNERS)
def test_a_key_is_kept_for_24_hours_and_then_forgotten(run: Any) -> None:
    effect, start = Effect(), clock.now()
    run(claim(now=start), effect, to_answer)
    assert isinstance(run(claim(now=start + dt.timedelta(hours=23, minutes=59)), effect, to_answer), Answer)
    assert run(claim(now=start + dt.timedelta(hours=24, seconds=1)), effect, to_answer) == "done"
    assert effect.count == 2


def test_a_holder_that_died_blocks_until_its_lease_ends(settings: LazySettings) -> None:
    start = clock.now()

    def die() -> str:
        raise SystemExit  # not an Exception: the record stays as a kill would leave it

    with pytest.raises(SystemExit):
        keys.run_in_steps(claim(now=start), die, to_answer)
    effect = Effect()
    with pytest.raises(RequestInFlight):
        keys.run_in_steps(claim(now=start + dt.timedelta(seconds=59)), effect, to_answer)
    assert effect.count == 0
    assert keys.run_in_steps(claim(now=start + dt.timedelta(seconds=61)), effect, to_answer) == "done"
    assert effect.count == 1


def test_the_stored_answer_cannot_be_read_without_the_key() -> None:
    keys.run_in_one_transaction(claim(), Effect(), to_answer)
    record = IdempotencyRecord.objects.get()
    assert b"secret" not in bytes(record.sealed_body or b"")
    assert record.scope_hash != "k"


def test_expired_keys_are_purged() -> None:
    start = clock.now()
    keys.run_in_one_transaction(claim(now=start), Effect(), to_answer)
    assert keys.purge_expired(start + dt.timedelta(hours=23)) == 0
    assert keys.purge_expired(start + dt.timedelta(hours=25)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": [1, {"x": 2.0}]}, {"a": [1.0, {"x": 2}]}),
        ({"a": 1e30}, {"a": float(10**30)}),
        ({"a": 2**64 - 2048}, {"a": float(2**64 - 2048)}),
    ],
)
def test_the_same_json_value_has_the_same_fingerprint(one: Any, other: Any) -> None:
    assert keys.fingerprint("POST", "/x/", one) == keys.fingerprint("POST", "/x/", other)


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("PUT", "/x/", {"a": 1}),
        ("POST", "/y/", {"a": 1}),
        ("POST", "/x/?b", {"a": 1}),
        ("POST", "/x/", {"a": 2}),
        ("POST", "/x/", {"a": "1"}),
        ("POST", "/x/", {"a": True}),
        ("POST", "/x/", {"a": 1, "b": None}),
        ("POST", "/x/", {"a": [1]}),
        ("POST", "/x/", {}),
    ],
)
def test_another_request_has_another_fingerprint(method: str, path: str, data: Any) -> None:
    assert keys.fingerprint(method, path, data) != keys.fingerprint("POST", "/x/", {"a": 1})
