"""The inbox in the back office: a message is applied again, and shows no secret."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.accounts.states import Role
from apps.payments.admin.inbox import without_secrets
from apps.payments.models import Payment, WebhookEvent
from apps.payments.states import EntryKind
from core import clock
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, message, pay
from tests.apps.payments.reconciliation.lost import state_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db
LIST = "/admin/payments/webhookevent/"


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def quarantined(body: bytes | None = None, *, about: Payment | None = None) -> WebhookEvent:
    text = message(about, EntryKind.CAPTURED) if about is not None else body or b"{}"
    return WebhookEvent.objects.create(
        provider="simulated", event_id="evt_1", body=text, digest="d", state="quarantined", reason="unknown payment",
        received_at=clock.now(),
    )  # fmt: skip


def apply_again(client: Client, event: WebhookEvent) -> str:
    data = {"action": "apply_again", "_selected_action": [str(event.pk)]}
    return client.post(LIST, data, follow=True).text


def test_a_message_in_quarantine_is_applied_again(office: Client) -> None:
    payment = pay(make_order(), "pm_sim_requires_action")
    assert "evt_1: processed" in apply_again(office, quarantined(about=payment))
    assert (state_of(payment), WebhookEvent.objects.get().state) == ("succeeded", "processed")


def test_a_message_that_still_does_not_fit_stays_with_its_reason(office: Client) -> None:
    payment = pay(make_order(), "pm_sim_requires_action")
    body = message(payment, EntryKind.CAPTURED, amount="1.00")
    page = apply_again(office, quarantined(body))
    assert "evt_1: quarantined The provider captured another amount than the payment" in page
    assert (state_of(payment), WebhookEvent.objects.get().state) == ("requires_action", "quarantined")


def test_a_message_of_nobody_stays_where_it_is(office: Client) -> None:
    event = quarantined(b"not even JSON")
    assert "evt_1: quarantined malformed" in apply_again(office, event)


def test_who_may_only_look_may_not_apply() -> None:
    clerk = make_user(role=Role.ADMIN)
    clerk.user_permissions.add(Permission.objects.get(codename="view_webhookevent"))
    event = quarantined(about=pay(make_order(), "pm_sim_requires_action"))
    client = Client()
    client.force_login(clerk)
    assert client.get(f"{LIST}{event.pk}/change/").status_code == 200
    before = everything()
    apply_again(client, event)
    assert everything() == before


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"client_secret": "pi_3Nx_secret_AbC"}', '{"client_secret": "[hidden]"}'),
        ("{'client_secret':'x'}", "{'client_secret':'[hidden]'}"),
        ("a=1&client_secret=abc&b=2", "a=1&client_secret=[hidden]&b=2"),
        ('{"url": "https://pay.example/pi_3Nx_secret_AbC"}', '{"url": "https://pay.example/pi_3Nx_secret_[hidden]"}'),
        ('{"id": "evt_1", "amount": 2000}', '{"id": "evt_1", "amount": 2000}'),
    ],
)
def test_what_lets_a_payer_go_on_is_not_shown(body: str, shown: str) -> None:
    assert without_secrets(body) == shown


@pytest.mark.parametrize("number", ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242"])
def test_the_page_shows_no_card_number_and_no_secret(number: str, office: Client) -> None:
    body = f'{{"note": "{number}", "client_secret": "pi_3Nx_secret_AbC", "id": "evt_77"}}'.encode()
    page = office.get(f"{LIST}{quarantined(body).pk}/change/").text
    assert "evt_77" in page
    assert number not in page
    assert "secret_AbC" not in page
