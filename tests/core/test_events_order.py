"""The feed's order is the database's: clocks of publishers may differ, what was written first comes first."""

import datetime as dt
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from core import clock
from core.events.fanout import EVENTS_PER_ROUND, fan_out
from core.events.feed import StoredEvent, last_position, read_feed
from core.events.models import OutboxEvent
from core.events.writing_order import in_order_of_writing
from core.periodic.models import PeriodicRun
from tests.core.event_kit import tell

PAID, SHIPPED = 1, 2
Machine = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Work on a machine whose clock is ahead by so many seconds, from now on."""

    def set_ahead(seconds: float) -> None:
        monkeypatch.setattr("core.ids.uuid7", lambda: id_made_at(time.time() + seconds))

    return set_ahead


def id_made_at(second: float) -> uuid.UUID:
    """A UUIDv7 as a machine makes it whose clock shows so many seconds since 1970."""
    return uuid.UUID(int=int(second * 1000) << 80 | 7 << 76 | 2 << 62 | secrets.randbits(62))


def numbers_of(events: list[StoredEvent]) -> list[int]:
    return [event.payload["number"] for event in events]


def numbers_by_id() -> list[int]:
    return [payload["number"] for payload in OutboxEvent.objects.order_by("id").values_list("payload", flat=True)]


@pytest.mark.django_db
def test_what_a_slow_clock_wrote_second_comes_second(set_clock: Machine) -> None:
    start = last_position()
    set_clock(5)
    tell(PAID)
    set_clock(0)
    tell(SHIPPED)
    assert fan_out(now=clock.now()) == 2
    assert numbers_of(read_feed(after=start, limit=10)) == [PAID, SHIPPED]
    assert numbers_by_id() == [SHIPPED, PAID]  # what an order by id would have told


@pytest.mark.django_db
def test_a_round_takes_what_was_written_first_and_leaves_the_rest(set_clock: Machine) -> None:
    start = last_position()
    set_clock(5)
    tell(PAID)
    set_clock(0)
    tell(SHIPPED)
    assert fan_out(now=clock.now(), limit=1) == 1
    assert numbers_of(read_feed(after=start, limit=10)) == [PAID]


@pytest.mark.django_db
def test_the_events_of_one_act_keep_their_order_while_the_clock_is_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, told = last_position(), list(range(EVENTS_PER_ROUND + 50))
    seconds = iter(range(2_000_000_000, 0, -1))
    monkeypatch.setattr("core.ids.uuid7", lambda: id_made_at(next(seconds)))
    tell(*told)
    monkeypatch.undo()
    while fan_out(now=clock.now()):
        pass
    assert numbers_of(read_feed(after=start, limit=1000)) == told
    assert numbers_by_id() == told[::-1]


@contextmanager
def holding(row: str) -> Iterator[None]:
    """A transaction that has locked the row both machines write about."""
    with transaction.atomic():
        PeriodicRun.objects.select_for_update().get(job=row)
        yield


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_waited_for_the_others_lock_is_told_later_although_it_began_earlier(set_clock: Machine) -> None:
    """The second writer has begun its transaction, and been to the database, before the first one wrote its event."""
    PeriodicRun.objects.create(job="tests.order", due_at=clock.now())
    start, has_begun = last_position(), threading.Event()

    def ship() -> None:
        try:
            with transaction.atomic():
                PeriodicRun.objects.exists()
                has_begun.set()
                with holding("tests.order"):
                    set_clock(0)
                    tell(SHIPPED)
        finally:
            connection.close()

    thread = threading.Thread(target=ship)
    with holding("tests.order"):
        thread.start()
        assert has_begun.wait(60)
        set_clock(5)
        tell(PAID)
    thread.join()
    assert fan_out(now=clock.now()) == 2
    assert numbers_of(read_feed(after=start, limit=10)) == [PAID, SHIPPED]
    assert numbers_by_id() == [SHIPPED, PAID]


@pytest.mark.postgres
@pytest.mark.django_db
def test_events_from_before_the_count_come_first_by_their_ids() -> None:
    start = last_position()
    tell(1, 2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_outbox_event SET written = 0")
    tell(3)
    fan_out(now=clock.now())
    assert numbers_of(read_feed(after=start, limit=10)) == [1, 2, 3]


@pytest.mark.django_db
def test_the_events_that_wait_are_found_in_their_order_by_their_index() -> None:
    OutboxEvent.objects.bulk_create(
        OutboxEvent(
            name="tests.happened",
            aggregate_id=str(number),
            payload={"number": number},
            occurred_at=clock.now(),
            dispatched_at=None if number % 100 == 0 else clock.now(),
        )
        for number in range(1000)
    )
    waiting = in_order_of_writing(OutboxEvent.objects.filter(dispatched_at=None)).values_list("id", "name")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for other_way in ("seqscan", "bitmapscan", "sort"):  # few rows make all ways cheap
                cursor.execute(f"SET LOCAL enable_{other_way} TO off")
    plan = waiting[:200].explain()
    assert "outbox_event_waiting" in plan
    assert "sort" not in plan.lower()
    assert "B-TREE" not in plan  # SQLite's word for a sort


@pytest.mark.django_db
def test_placing_a_batch_costs_one_statement_and_publishing_one(
    django_assert_num_queries: Callable[[int], object], set_clock: Machine
) -> None:
    tell(0)
    fan_out(now=clock.now())
    with django_assert_num_queries(2 + 1):  # type: ignore[attr-defined] # a savepoint here, and one INSERT
        tell(*range(50))
    with django_assert_num_queries(2 + 5) as seen:  # type: ignore[attr-defined]
        fan_out(now=clock.now() + dt.timedelta(seconds=1))
    placing = [query["sql"] for query in seen.captured_queries if "row_number" in query["sql"]]
    assert len(placing) == 1
