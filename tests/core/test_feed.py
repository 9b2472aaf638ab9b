"""The feed misses nothing and repeats nothing, in whatever order transactions commit; sinks take it batch by batch."""

import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Sequence
from typing import ClassVar

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from core import clock
from core.events import sinks
from core.events.fanout import fan_out
from core.events.feed import StoredEvent, feed_bounds, first_position, last_position, read_feed
from core.events.feeding import SinkFeeder, loops_beside
from core.events.looping import beside
from core.events.models import OutboxEvent, SinkCursor
from core.events.publishing import publish
from core.events.registry import Event, known_events
from core.periodic.upkeep import remove_old_events


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(Event):
    """Something was told, in a test."""

    name: ClassVar[str] = "tests.told"

    word: str

    @property
    def aggregate_id(self) -> str:
        return self.word


class Bucket:
    """A sink that keeps what it takes, and can refuse."""

    name = "bucket"
    taken: ClassVar[list[StoredEvent]] = []
    is_broken: ClassVar[bool] = False

    def take(self, events: Sequence[StoredEvent]) -> None:
        if self.is_broken:
            raise ConnectionError("the bucket has a hole")
        self.taken.extend(events)


@pytest.fixture
def bucket(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> type[Bucket]:
    settings.EVENT_SINKS = {"bucket": f"{__name__}.Bucket"}
    monkeypatch.setattr(Bucket, "taken", [])
    monkeypatch.setattr(Bucket, "is_broken", False)
    sinks.pump_all()  # it begins here
    return Bucket


def tell(*words: str) -> None:
    with transaction.atomic():
        publish(*(Told(word=word) for word in words))
    fan_out(now=clock.now())


def words_of(events: Sequence[StoredEvent]) -> list[str]:
    return [event.payload["word"] for event in events]


@pytest.mark.django_db
def test_events_are_read_in_order_and_page_by_page() -> None:
    start = last_position()
    tell("a", "b", "c")
    first = read_feed(after=start, limit=2)
    rest = read_feed(after=first[-1].position, limit=2)
    assert words_of([*first, *rest]) == ["a", "b", "c"]
    assert [event.position for event in [*first, *rest]] == [start + 1, start + 2, start + 3]
    assert read_feed(after=rest[-1].position, limit=2) == []


@pytest.mark.django_db
def test_what_is_not_yet_placed_is_not_shown() -> None:
    start = last_position()
    publish(Told(word="a"))
    assert read_feed(after=start, limit=10) == []
    fan_out(now=clock.now())
    assert words_of(read_feed(after=start, limit=10)) == ["a"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_an_event_whose_transaction_commits_late_comes_later_and_is_not_missed() -> None:
    written, may_commit = threading.Event(), threading.Event()

    def commit_late() -> None:
        with transaction.atomic():
            publish(Told(word="late"))
            written.set()
            may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=commit_late)
    thread.start()
    written.wait(10)
    start = last_position()
    tell("early")  # its id is greater, its commit is first
    seen = read_feed(after=start, limit=10)
    may_commit.set()
    thread.join()
    fan_out(now=clock.now())
    after = read_feed(after=seen[-1].position, limit=10)
    assert (words_of(seen), words_of(after)) == (["early"], ["late"])
    assert seen[0].id > after[0].id


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_many_writers_and_fan_outs_at_once_leave_no_gap() -> None:
    start = last_position()

    def write(number: int) -> None:
        for turn in range(10):
            tell(f"{number}-{turn}")
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while fan_out(now=clock.now()):
        pass
    found = read_feed(after=start, limit=1000)
    assert [event.position for event in found] == list(range(start + 1, start + 81))
    assert len(set(words_of(found))) == 80


@pytest.mark.django_db
def test_a_sink_takes_what_comes_after_its_beginning_once(bucket: type[Bucket]) -> None:
    tell("a", "b")
    assert (sinks.pump_all(), words_of(bucket.taken)) == (2, ["a", "b"])
    assert (sinks.pump_all(), words_of(bucket.taken)) == (0, ["a", "b"])


@pytest.mark.django_db
def test_a_sink_that_fails_misses_nothing_and_is_tried_ever_more_rarely(bucket: type[Bucket]) -> None:
    tell("a")
    bucket.is_broken = True
    now = clock.now()
    assert [sinks.pump_all(now=now + dt.timedelta(seconds=seconds)) for seconds in (0, 0.5, 1, 2.9)] == [0, 0, 0, 0]
    cursor = SinkCursor.objects.get(sink="bucket")
    assert (cursor.failures, cursor.last_error) == (2, "ConnectionError: the bucket has a hole")
    bucket.is_broken = False
    assert sinks.pump_all(now=now + dt.timedelta(seconds=3)) == 1
    assert words_of(bucket.taken) == ["a"]
    cursor.refresh_from_db()
    assert (cursor.failures, cursor.last_error) == (0, "")


@pytest.mark.django_db
def test_a_sink_that_another_process_feeds_is_left_alone_until_its_lease_is_over(bucket: type[Bucket]) -> None:
    tell("a")
    now = clock.now()
    SinkCursor.objects.update(leased_until=now + sinks.LEASE)
    assert sinks.pump_all(now=now) == 0
    assert sinks.pump_all(now=now + sinks.LEASE) == 1


class Stuck:
    """A sink that takes its time, until a test lets it go."""

    name = "stuck"
    is_waiting, may_go = threading.Event(), threading.Event()

    def take(self, events: Sequence[StoredEvent]) -> None:
        self.is_waiting.set()
        self.may_go.wait(30)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_a_sink_that_is_stuck_holds_no_other_sink_up(bucket: type[Bucket], settings: LazySettings) -> None:
    settings.EVENT_SINKS = {"stuck": f"{__name__}.Stuck", "bucket": f"{__name__}.Bucket"}
    sinks.pump_all()
    tell("a")
    feeders = [loop for loop in loops_beside() if isinstance(loop, SinkFeeder)]
    with beside(feeders):
        assert Stuck.is_waiting.wait(10)
        until = time.monotonic() + 10
        while not bucket.taken and time.monotonic() < until:
            threading.Event().wait(0.01)
        taken, is_stuck = words_of(bucket.taken), not Stuck.may_go.is_set()
        Stuck.may_go.set()
    assert (taken, is_stuck, len(feeders)) == (["a"], True, 2)


@pytest.mark.django_db
def test_what_a_sink_has_not_taken_is_kept(bucket: type[Bucket], settings: LazySettings) -> None:
    settings.OUTBOX_KEEP_DAYS = 30
    tell("a", "b")
    later = clock.now() + dt.timedelta(days=31)
    remove_old_events(later)
    assert OutboxEvent.objects.count() == 2
    sinks.pump_all()
    remove_old_events(later)
    assert (OutboxEvent.objects.count(), first_position()) == (0, None)


def test_every_event_of_the_code_is_known_by_its_name() -> None:
    known = known_events()
    assert {"orders.placed", "payments.refunded", "support.escalation_opened", "tests.told"} <= set(known)
    assert all(kind.name == name for name, kind in known.items())


@pytest.mark.django_db
def test_the_feed_says_up_to_where_it_has_lost_events(settings: LazySettings) -> None:
    settings.OUTBOX_KEEP_DAYS, settings.EVENT_SINKS = 30, {}
    start = last_position()
    assert feed_bounds() == (0, start)
    tell("a", "b")
    remove_old_events(clock.now() + dt.timedelta(days=29))
    assert feed_bounds() == (0, start + 2)
    remove_old_events(clock.now() + dt.timedelta(days=31))
    tell("c")
    assert feed_bounds() == (start + 2, start + 3)
