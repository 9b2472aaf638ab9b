"""The outbox: news exists if the fact does, reaches every handler, and a broken handler is nobody else's trouble."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from django.db import OperationalError, connection

from core import clock, context
from core.events import leasing, registry, running
from core.events import worker as module
from core.events.fanout import fan_out
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.events.publishing import OutsideTransaction, publish
from core.events.registry import handles
from core.events.running import run_all
from core.events.worker import Worker, deliver_all_due
from core.periodic import registry as periodic_registry
from core.periodic.upkeep import remove_old_events
from core.transactions import atomic
from tests.core.event_kit import LONG, SOON, Happened, later, only_delivery, register, tell

pytestmark = pytest.mark.django_db
LEASE_OVER = dt.timedelta(seconds=leasing.LEASE_SECONDS + 1)


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(periodic_registry, "_jobs", {})


@pytest.fixture
def request_id() -> Iterator[str]:
    token = context.request_id.set("request-7")
    yield "request-7"
    context.request_id.reset(token)


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused() -> None:
    with pytest.raises(OutsideTransaction):
        publish(Happened(number=1))
    assert not OutboxEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_news_of_a_fact_that_was_rolled_back_does_not_exist() -> None:
    with pytest.raises(ZeroDivisionError), atomic():
        publish(Happened(number=1))
        raise ZeroDivisionError
    assert not OutboxEvent.objects.exists()


def test_an_event_reaches_each_of_its_handlers_once(request_id: str) -> None:
    first, second = register("tests.first"), register("tests.second")
    tell(7)
    assert deliver_all_due() == 2
    assert deliver_all_due() == 0
    assert (first.numbers, second.numbers) == ([7], [7])
    event = OutboxEvent.objects.get()
    [(_, envelope)] = first.calls
    assert envelope == registry.Envelope(
        event_id=str(event.id),
        handler="tests.first",
        occurred_at=event.occurred_at.isoformat(),
        request_id=request_id,
        attempt=1,
    )
    assert set(OutboxDelivery.objects.values_list("state", "attempts")) == {(DeliveryState.DONE, 1)}


def test_a_handler_works_under_the_request_id_of_who_published(request_id: str) -> None:
    seen = []
    handles(Happened, name="tests.first")(lambda event, envelope: seen.append(context.request_id.get()))
    tell(1)
    context.request_id.set("")
    deliver_all_due()
    assert seen == [request_id]
    assert context.request_id.get() == ""


@pytest.mark.django_db(transaction=True)
def test_a_handler_runs_outside_any_transaction() -> None:
    seen = []
    handles(Happened, name="tests.first")(lambda event, envelope: seen.append(connection.in_atomic_block))
    tell(1)
    deliver_all_due()
    assert seen == [False]


def test_an_event_that_nobody_answers_is_dispatched_to_nobody() -> None:
    tell(1)
    assert deliver_all_due() == 0
    assert OutboxEvent.objects.get().dispatched_at is not None
    assert not OutboxDelivery.objects.exists()


def test_what_handlers_publish_is_delivered_too() -> None:
    second = register("tests.second")
    handles(Happened, name="tests.first")(lambda event, envelope: tell(event.number - 1) if event.number else None)
    tell(2)
    assert deliver_all_due() == 6
    assert second.numbers == [2, 1, 0]


def test_a_handler_that_fails_is_tried_again_later_and_the_others_are_not() -> None:
    failing, fine = register("tests.failing", failures=1), register("tests.fine")
    tell(1)
    assert deliver_all_due() == 1
    waiting = OutboxDelivery.objects.get(handler="tests.failing")
    assert waiting.state == DeliveryState.PENDING
    assert waiting.last_error.endswith("RuntimeError: the printer is on fire")
    assert waiting.due_at > clock.now() + SOON
    assert deliver_all_due(later(LONG)) == 1
    assert (failing.numbers, fine.numbers) == ([1, 1], [1])
    assert [envelope.attempt for _, envelope in failing.calls] == [1, 2]
    done = OutboxDelivery.objects.get(handler="tests.failing")
    assert (done.state, done.attempts, done.last_error) == (DeliveryState.DONE, 2, "")


def test_after_its_last_attempt_a_delivery_is_dead_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    failing = register(failures=9, max_attempts=3)
    tell(1)
    with caplog.at_level(logging.ERROR, logger="shop.events"):
        for days in range(5):
            deliver_all_due(later(LONG * days))
    assert len(failing.calls) == 3
    dead = only_delivery()
    assert (dead.state, dead.attempts) == (DeliveryState.DEAD, 3)
    assert dead.last_error.endswith("RuntimeError: the printer is on fire")
    lines = [(record.handler, record.attempt, record.dead) for record in caplog.records]  # type: ignore[attr-defined]
    assert lines == [("tests.first", 1, False), ("tests.first", 2, False), ("tests.first", 3, True)]


def test_the_pauses_between_attempts_grow_to_an_hour() -> None:
    for attempt, seconds in ((1, 2), (2, 8), (3, 32), (6, 2048), (7, 3600), (50, 3600)):
        pauses = [leasing.retry_delay_seconds(attempt) for _ in range(50)]
        assert all(0.75 * seconds <= pause <= 1.25 * seconds for pause in pauses)
        assert len(set(pauses)) > 1


def test_a_handler_that_is_gone_from_the_code_ends_dead_with_a_clear_error() -> None:
    register(max_attempts=1)
    tell(1)
    fan_out(now=clock.now())
    registry._handlers.clear()
    for days in range(registry.DEFAULT_MAX_ATTEMPTS):
        deliver_all_due(later(LONG * days))
    dead = only_delivery()
    assert (dead.state, dead.last_error) == (DeliveryState.DEAD, "no handler is called tests.first")


def test_a_payload_that_does_not_fit_ends_dead_with_a_clear_error() -> None:
    handler = register(max_attempts=1)
    tell(1)
    OutboxEvent.objects.update(payload={"numero": 1})
    deliver_all_due()
    dead = only_delivery()
    assert dead.state == DeliveryState.DEAD
    assert dead.last_error.startswith("the payload on record does not fit Happened")
    assert handler.calls == []


def test_a_leased_delivery_is_left_to_its_worker_until_the_lease_is_over() -> None:
    handler = register()
    tell(1)
    fan_out(now=clock.now())
    assert len(leasing.lease_due(now=clock.now())) == 1
    assert deliver_all_due() == 0
    assert deliver_all_due(later(LEASE_OVER)) == 1
    assert [envelope.attempt for _, envelope in handler.calls] == [2]


def test_a_worker_that_lost_its_lease_changes_nothing() -> None:
    register()
    tell(1)
    fan_out(now=clock.now())
    [slow] = leasing.lease_due(now=clock.now())
    [quick] = leasing.lease_due(now=later(LEASE_OVER))
    assert not leasing.retry_later(slow, error="slow", delay_seconds=60, now=clock.now())
    assert not leasing.bury(slow, attempts=1, error="slow", now=clock.now())
    assert leasing.finish([slow], now=clock.now()) == 0
    assert leasing.finish([quick], now=clock.now()) == 1
    assert (only_delivery().state, only_delivery().last_error) == (DeliveryState.DONE, "")


def test_a_delivery_that_was_begun_before_is_leased_alone() -> None:
    register()
    tell(1, 2, 3)
    fan_out(now=clock.now())
    first, second, third = OutboxDelivery.objects.order_by("id")
    OutboxDelivery.objects.filter(id=second.id).update(attempts=1)
    batches = [[leased.id for leased in leasing.lease_due(now=clock.now())] for _ in range(4)]
    assert batches == [[first.id], [second.id], [third.id], []]


def test_deliveries_that_a_slow_one_kept_waiting_are_handed_back_with_their_attempts() -> None:
    handler = register()
    tell(1, 2)
    fan_out(now=clock.now())
    leased = leasing.lease_due(now=clock.now())
    assert run_all(leased, now=later(dt.timedelta(seconds=leasing.LATEST_START_SECONDS + 1))) == 0
    assert handler.calls == []
    assert set(OutboxDelivery.objects.values_list("attempts", "lease")) == {(0, None)}


def test_marking_costs_one_statement_for_a_batch_of_quick_handlers(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MARK_EVERY_SECONDS", 60.0)  # quick, however busy the machine is
    handler = register()
    tell(0)
    deliver_all_due()  # a test before may have emptied the database: the sequence is made anew, once
    tell(*range(leasing.DELIVERIES_PER_LEASE))
    with django_assert_max_num_queries(16):  # fan-out, lease and mark, savepoints included
        deliver_all_due()
    assert len(handler.calls) == 1 + leasing.DELIVERIES_PER_LEASE


@pytest.mark.django_db(transaction=True)
def test_a_worker_told_to_stop_finishes_the_handler_in_hand_and_hands_the_rest_back() -> None:
    worker, seen = Worker(), []

    def answer(event: Happened, envelope: registry.Envelope) -> None:
        seen.append(event.number)
        worker.stop()

    handles(Happened, name="tests.first")(answer)
    tell(1, 2, 3)
    fan_out(now=clock.now())
    worker.run()
    assert seen == [1]
    assert OutboxDelivery.objects.filter(state=DeliveryState.PENDING, lease=None, attempts=0).count() == 2
    assert deliver_all_due() == 2
    assert seen == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_database_fails_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    worker = Worker(sleep=pauses.append)
    failures = iter([OperationalError("gone"), OperationalError("gone"), OperationalError("gone")])

    def broken_lease(*, now: dt.datetime) -> list[leasing.Leased]:
        for failure in failures:
            raise failure
        worker.stop()
        return []

    monkeypatch.setattr(module, "lease_due", broken_lease)
    monkeypatch.setattr(connection, "close", lambda: None)
    worker.run()
    assert pauses == [0.2, 0.4, 0.8]


def test_old_events_go_when_all_their_deliveries_are_done() -> None:
    register("tests.fine")
    tell(1)
    deliver_all_due()
    remove_old_events(later(dt.timedelta(days=29)))
    assert OutboxEvent.objects.count() == 1
    remove_old_events(later(dt.timedelta(days=31)))
    assert (OutboxEvent.objects.count(), OutboxDelivery.objects.count()) == (0, 0)


def test_old_events_stay_while_a_delivery_is_dead_or_waiting() -> None:
    register("tests.dead", failures=1, max_attempts=1)
    register("tests.fine")
    tell(1)
    deliver_all_due()
    tell(2)
    remove_old_events(later(dt.timedelta(days=31)))
    assert OutboxEvent.objects.count() == 2
    OutboxDelivery.objects.filter(state=DeliveryState.DEAD).update(state=DeliveryState.DROPPED)
    remove_old_events(later(dt.timedelta(days=31)))
    assert [event.payload for event in OutboxEvent.objects.all()] == [{"number": 2}]
