"""Those who run the shop learn of background work that failed and of webhooks that were switched off."""

import datetime as dt
import uuid

import pytest

from apps.notifications.models import Notification
from apps.webhooks.events import WebhookEndpointDisabled
from core import clock
from core.events.dead_letters import DeliveryDied
from core.events.models import OutboxEvent
from core.events.publishing import publish
from core.events.worker import deliver_all_due
from core.transactions import atomic
from tests.apps.notifications.test_mails import sent
from tests.factories import make_admin, make_seller

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 1, 2, 12, 10, tzinfo=dt.UTC)


def die(handler: str, occurred_at: dt.datetime = NOON) -> str:
    """Let a delivery of this handler have died; return its id."""
    delivery_id = str(uuid.uuid4())
    with atomic():
        publish(
            DeliveryDied(
                delivery_id=delivery_id,
                handler=handler,
                event_id=str(uuid.uuid4()),
                event_name="orders.paid",
                attempts=8,
            )
        )
    OutboxEvent.objects.filter(aggregate_id=delivery_id).update(occurred_at=occurred_at)
    deliver_all_due()
    return delivery_id


def test_a_dead_letter_is_told_to_admins_with_the_way_to_it() -> None:
    admins = [make_admin(), make_admin()]
    make_seller()
    delivery_id = die("invoices.make")
    mails = sent("operator_dead_letter")
    assert sorted(message.to[0] for message in mails) == sorted(admin.email for admin in admins)
    assert f"/admin/core/outboxdelivery/{delivery_id}/change/" in mails[0].body
    rows = Notification.objects.filter(kind="dead_letter")
    assert {row.user_id for row in rows} == {admin.pk for admin in admins}
    assert rows[0].data == {"handler": "invoices.make", "event": "orders.paid", "delivery_id": delivery_id}


def test_many_deaths_of_one_handler_are_one_mail_an_hour() -> None:
    make_admin()
    for minute in (0, 5, 49):
        die("notifications.order_paid", NOON + dt.timedelta(minutes=minute))
    assert (len(sent("operator_dead_letter")), Notification.objects.filter(kind="dead_letter").count()) == (1, 1)
    die("notifications.order_paid", NOON + dt.timedelta(minutes=50))
    die("invoices.make", NOON)
    assert (len(sent("operator_dead_letter")), Notification.objects.filter(kind="dead_letter").count()) == (3, 3)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [("gone", "The receiver answered that it is gone for good."), ("failing", "It has taken nothing for three days.")],
)
def test_a_webhook_that_was_switched_off_is_told_to_admins(reason: str, sentence: str) -> None:
    admin, endpoint_id = make_admin(), str(uuid.uuid4())
    with atomic():
        publish(
            WebhookEndpointDisabled(
                endpoint_id=endpoint_id,
                host="partner.example.com",
                description="",
                reason=reason,
                failing_since=clock.now().isoformat(),
            )
        )
    deliver_all_due()
    (message,) = sent("operator_webhook_disabled")
    assert message.subject == "A webhook was switched off: partner.example.com"
    assert sentence in message.body
    row = Notification.objects.get(user=admin)
    assert (row.kind, row.data["host"]) == ("webhook_disabled", "partner.example.com")
