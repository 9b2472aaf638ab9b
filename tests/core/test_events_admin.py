"""Dead letters in the back office: seen, tried again, dropped with a reason."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from core import clock
from core.events import registry
from core.events.leasing import lease_due
from core.events.models import DeliveryState, OutboxDelivery
from core.events.worker import deliver_all_due
from tests.core.event_kit import LONG, later, only_delivery, register, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})


@pytest.fixture
def browser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def act(browser: Client, action: str, **fields: str) -> str:
    chosen = [str(pk) for pk in OutboxDelivery.objects.values_list("pk", flat=True)]
    data = {"action": action, "_selected_action": chosen, "reason": "", **fields}
    return browser.post(reverse("admin:core_outboxdelivery_changelist"), data, follow=True).content.decode()


def make_dead_letter() -> None:
    register(failures=1, max_attempts=1)
    tell(7)
    deliver_all_due()


def test_a_dead_letter_is_listed_with_its_error(browser: Client) -> None:
    make_dead_letter()
    page = browser.get(reverse("admin:core_outboxdelivery_changelist"), {"state__exact": "dead"}).content.decode()
    assert "tests.happened" in page
    assert "RuntimeError: the printer is on fire" in page


def test_a_dead_letter_that_is_retried_is_delivered(browser: Client) -> None:
    make_dead_letter()
    assert "1 deliveries will be tried at once." in act(browser, "retry_now")
    assert deliver_all_due() == 1
    assert only_delivery().state == DeliveryState.DONE


def test_a_dropped_delivery_keeps_its_error_and_is_never_tried_again(browser: Client, admin: User) -> None:
    make_dead_letter()
    act(browser, "drop_with_reason", reason="the customer was called")
    assert deliver_all_due(later(LONG)) == 0
    dropped = only_delivery()
    assert dropped.state == DeliveryState.DROPPED
    assert dropped.last_error.startswith(f"Dropped by {admin.email}: the customer was called\n\nTraceback")


def test_nothing_is_dropped_without_a_reason(browser: Client) -> None:
    make_dead_letter()
    assert "Write beside the action why they are dropped." in act(browser, "drop_with_reason", reason="  ")
    assert only_delivery().state == DeliveryState.DEAD


def test_what_is_done_or_in_a_workers_hands_is_left_alone(browser: Client) -> None:
    register()
    tell(1)
    deliver_all_due()
    act(browser, "retry_now")
    act(browser, "drop_with_reason", reason="why not")
    assert only_delivery().state == DeliveryState.DONE
    OutboxDelivery.objects.update(state=DeliveryState.PENDING, finished_at=None)
    [leased] = lease_due(now=clock.now())
    act(browser, "drop_with_reason", reason="why not")
    assert (only_delivery().state, only_delivery().lease) == (DeliveryState.PENDING, leased.lease)


@pytest.mark.parametrize("model", ["outboxevent", "outboxdelivery", "periodicrun", "idempotencyrecord"])
def test_the_lists_of_the_ground_open_and_add_nothing(browser: Client, model: str) -> None:
    make_dead_letter()
    assert browser.get(reverse(f"admin:core_{model}_changelist")).status_code == 200
    assert browser.get(reverse(f"admin:core_{model}_add")).status_code == 403
