"""GET /api/v2/events/: every event once and in order, for admins; 410 instead of a gap."""

import datetime as dt
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from core import clock
from core.events.fanout import fan_out
from core.events.feed import last_position, read_page
from core.events.models import OutboxEvent
from core.events.publishing import publish
from core.periodic.upkeep import remove_old_events
from tests.apps.orders.making import make_order
from tests.core.event_kit import Happened
from tests.factories import make_seller, make_user
from tests.http import ApiClient

ApiAs = Callable[[User], ApiClient]
FEED = "/api/v2/events/"
db = pytest.mark.django_db


def tell(*numbers: int) -> None:
    with transaction.atomic():
        publish(*(Happened(number=number) for number in numbers))
    while fan_out(now=clock.now()):
        pass


def page_of(client: ApiClient, query: str = "") -> dict[str, Any]:
    response = client.get(f"{FEED}{query}")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def numbers_of(page: dict[str, Any]) -> list[int]:
    return [event["payload"]["number"] for event in page["results"]]


@db
def test_an_event_is_shown_with_all_that_is_documented(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    fan_out(now=clock.now())
    page = page_of(api_as(admin), "?name=orders.placed")
    [shown] = page["results"]
    event = OutboxEvent.objects.get(name="orders.placed")
    assert shown == {
        "id": str(event.id),
        "position": event.position,
        "name": "orders.placed",
        "version": 1,
        "aggregate_id": str(order.pk),
        "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "payload": event.payload,
    }


@db
def test_a_reader_sees_every_event_once_page_by_page(api_as: ApiAs, admin: User) -> None:
    client, start = api_as(admin), last_position()
    tell(*range(7))
    seen, after, pages = [], start, 0
    while True:
        page = page_of(client, f"?after={after}&limit=3")
        seen += numbers_of(page)
        after, pages = page["next"], pages + 1
        if not page["has_more"]:
            break
    assert (seen, pages) == (list(range(7)), 3)
    assert page_of(client, f"?after={after}") == {"results": [], "next": after, "has_more": False}
    tell(7)
    assert numbers_of(page_of(client, f"?after={after}")) == [7]


@db
def test_a_reader_of_few_kinds_moves_on_past_the_others(api_as: ApiAs, admin: User) -> None:
    client = api_as(admin)
    tell(1, 2, 3)
    page = page_of(client, "?name=orders.placed&name=orders.paid")
    assert page == {"results": [], "next": last_position(), "has_more": False}


@db
def test_events_that_are_gone_are_said_to_be_gone(api_as: ApiAs, admin: User, settings: LazySettings) -> None:
    settings.OUTBOX_KEEP_DAYS, settings.EVENT_SINKS = 30, {}
    client, start = api_as(admin), last_position()
    tell(1, 2)
    after = page_of(client, f"?after={start}&limit=1")["next"]
    remove_old_events(clock.now() + dt.timedelta(days=31))
    tell(3)

    refused = client.get(f"{FEED}?after={after}")

    assert (refused.status_code, refused.json()["code"], refused.json()["after"]) == (410, "events_gone", start + 2)
    assert numbers_of(page_of(client, f"?after={start + 2}")) == [3]
    assert numbers_of(page_of(client)) == [3]


@db
@pytest.mark.parametrize("query", ["", "&name=orders.placed"])
def test_events_that_go_while_they_are_asked_for_are_said_to_be_gone(
    query: str, api_as: ApiAs, admin: User, settings: LazySettings
) -> None:
    settings.OUTBOX_KEEP_DAYS, settings.EVENT_SINKS = 30, {}
    client, start = api_as(admin), last_position()
    tell(1, 2)
    upkeeps = iter([lambda: remove_old_events(clock.now() + dt.timedelta(days=31))])

    def remove_before_events_are_read(execute: Any, sql: str, *rest: Any) -> Any:
        """Let upkeep do its work after the bounds of the feed were read, and before its events are."""
        if sql.startswith("SELECT") and 'FROM "core_outbox_event"' in sql:
            for remove in upkeeps:
                remove()
        return execute(sql, *rest)

    with connection.execute_wrapper(remove_before_events_are_read):
        refused = client.get(f"{FEED}?after={start}{query}")
    assert not OutboxEvent.objects.exists()
    assert (refused.status_code, refused.json()["code"], refused.json()["after"]) == (410, "events_gone", start + 2)


@db
def test_a_reader_that_is_ahead_of_the_feed_is_told_so(api_as: ApiAs, admin: User) -> None:
    client = api_as(admin)
    tell(1, 2)
    last = last_position()
    for ahead in (last + 1, 99_999_999):
        refused = client.get(f"{FEED}?after={ahead}")
        assert refused.status_code == 409
        assert (refused.json()["code"], refused.json()["last"]) == ("position_not_given", last)
    assert page_of(client, f"?after={last}") == {"results": [], "next": last, "has_more": False}


@db
def test_only_admins_read_it_and_nobody_keeps_it(api: ApiClient, api_as: ApiAs, admin: User) -> None:
    assert api.get(FEED).status_code == 401
    assert api_as(make_user()).get(FEED).status_code == 403
    assert api_as(make_seller()).get(FEED).status_code == 403
    assert "no-store" in api_as(admin).get(FEED)["Cache-Control"]


@db
@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=1.5",
        "after=9223372036854775808",
        "limit=0",
        "limit=501",
        "limit=x",
        "name=nothing",
    ],
)
def test_what_makes_no_sense_is_refused(query: str, api_as: ApiAs, admin: User) -> None:
    response = api_as(admin).get(f"{FEED}?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].partition(".")[0] == query.partition("=")[0]


@db
@pytest.mark.parametrize("count", [10, 100, 500])
def test_it_asks_no_more_for_more_events(count: int, api_as: ApiAs, admin: User) -> None:
    client, start = api_as(admin), last_position()
    tell(*range(count))
    with CaptureQueriesContext(connection) as queries:
        assert len(page_of(client, f"?after={start}&limit=500")["results"]) == count
    assert len(queries) == 3, [query["sql"] for query in queries]  # who asks, the bounds, the events


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_two_readers_see_the_same_order_while_sixteen_writers_commit_out_of_order() -> None:
    """The promise of the feed; reading by id or by time would miss what commits late (control below)."""
    start, written = last_position(), threading.Event()
    seen: dict[str, list[tuple[int, int]]] = {"first": [], "second": []}
    missed_by_id: list[int] = []

    def write(writer: int) -> None:
        luck = random.Random(writer)
        for turn in range(12):
            with transaction.atomic():
                publish(Happened(number=writer * 100 + turn))
                time.sleep(luck.random() * 0.03)  # what a transaction does before it commits, not a synchronisation
        connection.close()

    def place() -> None:
        while not written.is_set() or fan_out(now=clock.now()):
            fan_out(now=clock.now())
        connection.close()

    def read(name: str) -> None:
        after = start
        while True:
            is_last = written.is_set() and not OutboxEvent.objects.filter(position=None).exists()
            page = read_page(after=after, limit=7)
            seen[name] += [(event.position, event.payload["number"]) for event in page.events]
            after = page.next
            if is_last and not page.has_more and len(seen[name]) >= 192:
                break
        connection.close()

    def read_by_id() -> None:
        last = None
        found: set[int] = set()
        while not written.is_set():
            rows = OutboxEvent.objects.order_by("id")
            for event_id, payload in (rows.filter(id__gt=last) if last else rows).values_list("id", "payload"):
                last = event_id
                found.add(payload["number"])
        missed_by_id.append(192 - len(found))
        connection.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    others = [threading.Thread(target=read, args=(name,)) for name in seen]
    others += [threading.Thread(target=place), threading.Thread(target=place), threading.Thread(target=read_by_id)]
    for thread in [*others, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    written.set()
    for thread in others:
        thread.join(60)

    assert seen["first"] == seen["second"]
    assert [position for position, _ in seen["first"]] == list(range(start + 1, start + 193))
    expected = {writer * 100 + turn for writer in range(16) for turn in range(12)}
    assert {number for _, number in seen["first"]} == expected
    assert missed_by_id[0] > 0  # the control: without positions, events are missed
