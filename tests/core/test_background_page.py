"""The operator's page and command: what waits, what failed and why, and the buttons that help."""

import datetime as dt
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from core import clock
from core.events import registry
from core.events.feed import last_position
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent, SinkCursor
from core.events.worker import deliver_all_due
from core.ids import first_id_at
from core.periodic.models import PeriodicRun
from tests import factories
from tests.core.event_kit import LONG, later, only_delivery, register, tell

pytestmark = pytest.mark.django_db
PAGE = "/admin/core/outboxdelivery/background/"
NAMED = {"handler": "tests.first", "reason": "x"}


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})


@pytest.fixture
def browser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def make_dead_letters(*numbers: int, handler: str = "tests.first") -> None:
    register(handler, failures=len(numbers), max_attempts=1)
    tell(*numbers)
    deliver_all_due()


def make_helper() -> User:
    """An admin with no rights but those a test gives."""
    helper = factories.make_admin()
    User.objects.filter(pk=helper.pk).update(is_superuser=False)
    return User.objects.get(pk=helper.pk)


def shown(browser: Client) -> str:
    return browser.get(PAGE).content.decode()


def press(browser: Client, **fields: str) -> str:
    return browser.post(PAGE, fields, follow=True).content.decode()


def test_the_page_shows_what_waits_what_died_and_why(browser: Client) -> None:
    make_dead_letters(7)
    tell(8)
    PeriodicRun.objects.create(job="tests.sweep", due_at=clock.now(), last_error="Traceback …\nRuntimeError: no broom")
    SinkCursor.objects.create(
        sink="tests.sink", position=last_position() - 1, due_at=clock.now(), last_error="ConnectionError: no line"
    )
    page = shown(browser)
    for text in ("RuntimeError: the printer is on fire", "RuntimeError: no broom", "ConnectionError: no line"):
        assert text in page
    assert "The outbox is on time." in page
    assert "Waiting events: 1," in page
    assert "Traceback" not in page


def test_an_outbox_that_is_late_is_called_late(browser: Client) -> None:
    tell(1)
    OutboxEvent.objects.update(occurred_at=clock.now() - dt.timedelta(seconds=121))
    assert "The outbox is late." in shown(browser)


def test_a_sink_that_is_stuck_is_named(browser: Client, settings: LazySettings) -> None:
    settings.EVENT_SINKS = {"tests.sink": "unused"}
    tell(1)
    deliver_all_due()
    OutboxEvent.objects.update(dispatched_at=clock.now() - dt.timedelta(seconds=121))
    times = {"position": last_position() - 1, "due_at": clock.now()}
    SinkCursor.objects.create(sink="tests.sink", **times)
    SinkCursor.objects.create(sink="tests.former", **times)
    page = shown(browser)
    assert "The outbox is late." in page
    assert "Stuck: tests.sink." in page
    assert "<td>121 s</td>" in page
    assert "<td>not fed</td>" in page


def test_a_dead_letter_is_retried_by_its_button(browser: Client) -> None:
    make_dead_letters(7)
    assert "1 deliveries will be tried at once." in press(browser, act="retry", delivery=str(only_delivery().pk))
    assert deliver_all_due() == 1
    assert only_delivery().state == DeliveryState.DONE


def test_all_dead_letters_of_one_handler_are_retried_together(browser: Client) -> None:
    make_dead_letters(1, 2)
    make_dead_letters(3, handler="tests.second")  # both handlers answer, one of them dies
    assert "2 deliveries will be tried at once." in press(browser, act="retry", handler="tests.first")
    assert OutboxDelivery.objects.get(state=DeliveryState.DEAD).handler == "tests.second"


def test_a_dead_letter_is_dropped_with_a_reason_and_not_without(browser: Client, admin: User) -> None:
    make_dead_letters(7)
    fields = {"act": "drop", "delivery": str(only_delivery().pk)}
    assert "Write beside the button why it is dropped." in press(browser, **fields, reason=" ")
    assert only_delivery().state == DeliveryState.DEAD
    assert "1 deliveries were dropped." in press(browser, **fields, reason="the customer was called")
    assert deliver_all_due(later(LONG)) == 0
    assert only_delivery().last_error.startswith(f"Dropped by {admin.email}: the customer was called\n\n")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param({"act": "retry"}, "name a delivery or a handler", id="retry-nothing"),
        pytest.param({"act": "drop", "reason": "why not"}, "name a delivery or a handler", id="drop-nothing"),
        pytest.param({"act": "retry", "delivery": "nonsense"}, "Delivery: Enter a valid UUID.", id="no-id"),
        pytest.param({**NAMED, "act": ""}, "Button: This field is required.", id="empty"),
        pytest.param(NAMED, "Button: This field is required.", id="no-act"),
        pytest.param(
            {"act": "burn", "handler": "tests.first", "reason": "x"},
            "burn is not one of the available",
            id="unknown-act",
        ),
        pytest.param({**NAMED, "act": "drop", "reason": "a\0b"}, "Reason: Null characters", id="nul-reason"),
        pytest.param({"act": "retry", "handler": "tests\0first"}, "Handler: Null characters", id="nul-handler"),
        pytest.param({**NAMED, "act": "drop", "reason": "x" * 201}, "at most 200", id="long-reason"),
    ],
)
def test_a_button_that_makes_no_sense_says_so_and_does_nothing(
    fields: dict[str, str], fault: str, browser: Client
) -> None:
    make_dead_letters(7)
    before = OutboxDelivery.objects.values().get()
    page = press(browser, **fields)
    assert fault in page
    assert "deliveries were dropped" not in page
    assert "deliveries will be tried" not in page
    assert OutboxDelivery.objects.values().get() == before


def test_a_button_that_names_two_things_does_nothing(browser: Client) -> None:
    make_dead_letters(7)
    dead = only_delivery()
    page = press(browser, act="retry", handler="tests.first", delivery=str(dead.pk))
    assert "name a delivery or a handler" in page
    assert only_delivery().state == DeliveryState.DEAD


def test_deliveries_that_were_done_long_ago_are_not_counted(browser: Client) -> None:
    register()
    tell(1, 2)
    deliver_all_due()
    late = OutboxDelivery.objects.order_by("id").last()
    assert counts_of(browser, "tests.first") == ["0", "2", "0", "0"]
    OutboxDelivery.objects.filter(pk=late.pk).delete()
    late.pk = first_id_at(clock.now() - dt.timedelta(minutes=61))
    late.save(force_insert=True)
    assert counts_of(browser, "tests.first") == ["0", "1", "0", "0"]


def test_open_deliveries_are_counted_however_old(browser: Client) -> None:
    make_dead_letters(7)
    dead = only_delivery()
    OutboxDelivery.objects.all().delete()
    dead.pk = first_id_at(clock.now() - dt.timedelta(days=29))
    dead.save(force_insert=True)
    assert counts_of(browser, "tests.first") == ["0", "0", "1", "0"]


def counts_of(browser: Client, handler: str) -> list[str]:
    """The numbers in a handler's row: pending, done, dead, dropped."""
    response = browser.get(PAGE)
    [row] = [row for row in response.context["handlers"] if row.handler == handler]
    return [str(count) for count in row.counts]


def test_what_is_not_done_is_counted_by_its_index(browser: Client) -> None:
    make_dead_letters(*range(30))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan TO off")  # few rows make all ways cheap
    seen: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and '"core_outbox_delivery"."state"' in sql and "COUNT" in sql:
            word = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            with connection.cursor() as cursor:
                cursor.execute(f"{word} {sql}", params)
                seen.append(" ".join(str(row) for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        shown(browser)
    assert len(seen) == 2
    assert "outbox_delivery_open" in seen[0]
    assert "core_outbox_delivery_pkey" in seen[1] or "sqlite_autoindex_core_outbox_delivery" in seen[1]


def test_who_may_only_look_cannot_press(client: Client) -> None:
    make_dead_letters(7)
    helper = make_helper()
    helper.user_permissions.add(Permission.objects.get(codename="view_outboxdelivery"))
    client.force_login(helper)
    assert "Reason, to drop" not in shown(client)
    press(client, act="retry", delivery=str(only_delivery().pk))
    assert only_delivery().state == DeliveryState.DEAD


def test_who_may_not_look_sees_nothing(client: Client, customer: User) -> None:
    make_dead_letters(7)
    client.force_login(customer)
    assert client.get(PAGE).status_code in {302, 403}
    client.force_login(make_helper())
    assert client.get(PAGE).status_code == 403


def test_the_page_costs_the_same_for_one_dead_letter_and_for_thirty(
    browser: Client, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    make_dead_letters(*range(30))
    with django_assert_max_num_queries(14):  # session, user, its rights, and one or two for each table of the page
        shown(browser)


def test_the_command_retries_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    make_dead_letters(1, 2)
    waiting = register("tests.second", failures=1)
    tell(3)
    deliver_all_due()
    assert told_by("--dead", "--handler", "tests.second") == "0 deliveries will be tried at once.\n"
    assert told_by("--dead") == "2 deliveries will be tried at once.\n"
    assert told_by("--handler", "tests.second") == "1 deliveries will be tried at once.\n"
    assert deliver_all_due() == 3
    assert waiting.numbers == [3, 3]


def told_by(*arguments: str) -> str:
    told = io.StringIO()
    call_command("retry_deliveries", *arguments, stdout=told)
    return told.getvalue()


def test_every_page_of_the_back_office_leads_there(browser: Client) -> None:
    assert f'href="{PAGE}"' in browser.get("/admin/").content.decode()
