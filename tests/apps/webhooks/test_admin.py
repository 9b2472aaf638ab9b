"""Webhooks in the back office: seen, switched, pinged and sent again, and no secret shown."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services.serving import dispatch_due
from core.events.models import OutboxEvent
from tests.apps.webhooks.receiving import Receiver, endpoint_at, happen

pytestmark = pytest.mark.django_db
ENDPOINTS, DELIVERIES = "/admin/webhooks/webhookendpoint/", "/admin/webhooks/webhookdelivery/"


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def act(client: Client, path: str, action: str, row: WebhookEndpoint | WebhookDelivery) -> str:
    response = client.post(path, {"action": action, "_selected_action": [str(row.pk)]}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_an_endpoint_is_shown_without_its_secrets(office: Client, receiver: Receiver) -> None:
    endpoint, secret = endpoint_at(receiver, description="Books")
    page = office.get(f"{ENDPOINTS}{endpoint.pk}/change/").content.decode()
    assert "Books" in page
    assert not [text for text in (secret, endpoint.sealed_secret) if text in page]
    assert "Books" in office.get(ENDPOINTS).content.decode()


def test_an_endpoint_is_switched_off_and_on(office: Client, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    act(office, ENDPOINTS, "switch_off", endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "by_admin")
    assert "switched off" in act(office, ENDPOINTS, "ping", endpoint)
    assert not OutboxEvent.objects.filter(name="webhooks.ping").exists()
    act(office, ENDPOINTS, "switch_on", endpoint)
    act(office, ENDPOINTS, "ping", endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, OutboxEvent.objects.filter(name="webhooks.ping").count()) == (True, 1)


def test_a_webhook_is_sent_again(office: Client, receiver: Receiver) -> None:
    endpoint_at(receiver)
    happen(1)
    dispatch_due()
    delivery = WebhookDelivery.objects.get()
    assert "tests.happened" in office.get(DELIVERIES).content.decode()
    assert office.get(f"{DELIVERIES}{delivery.pk}/change/").status_code == 200
    assert "1 webhooks will be sent again." in act(office, DELIVERIES, "send_again", delivery)
    dispatch_due()
    assert receiver.numbers == [1, 1]
