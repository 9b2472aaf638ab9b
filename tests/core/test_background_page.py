"""The operator's page and command: what waits, what failed and why, and the buttons that help."""

import datetime as dt
import io
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import User
from core import clock
from core.events import registry
from core.events.feed import last_position
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent, SinkCursor
from core.events.worker import deliver_all_due
from core.periodic.models import PeriodicRun
from tests import factories
from tests.core.event_kit import LONG, later, only_delivery, register, tell

pytestmark = pytest.mark.django_db
PAGE = "/admin/core/outboxdelivery/background/"


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


def test_a_button_about_nothing_does_nothing(browser: Client) -> None:
    make_dead_letters(7)
    for fields in ({"act": "retry", "delivery": "nonsense"}, {"act": "retry"}, {"act": "drop", "reason": "why not"}):
        assert "0 deliveries" in press(browser, **fields)
    assert only_delivery().state == DeliveryState.DEAD


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
