"""Escalations in the back office."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.support.models import Escalation
from apps.support.states import EscalationKind, EscalationStatus
from tests.apps.orders.making import make_order
from tests.apps.support.making import bring_to, escalate, is_on_hold, said, work_on
from tests.factories import make_admin

pytestmark = pytest.mark.django_db
LIST = "/admin/support/escalation/"


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def act(client: Client, action: str, *escalations: Escalation, words: str = "") -> str:
    """Run a list action and return the page that follows."""
    data: dict[str, Any] = {"action": action, "words": words, "_selected_action": [str(row.pk) for row in escalations]}
    response = client.post(LIST, data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_is_filtered_and_searched(office: Client) -> None:
    order = make_order()
    dispute = escalate(order, reference="dp_77", title="Bank asks", amount=Decimal("7.5"), currency="USD")
    risky = bring_to(escalate(kind=EscalationKind.RISKY_PAYMENT, title="Odd card"), EscalationStatus.IN_PROGRESS)

    for query in ({"kind__exact": "dispute"}, {"status__exact": "open"}, {"q": "dp_77"}, {"q": order.order_number}):
        page = office.get(LIST, query).content.decode()
        assert dispute.title in page
        assert risky.title not in page
    page = office.get(LIST).content.decode()
    assert "7.50 USD" in page
    assert 'placeholder="Resolution, or note"' in page


@pytest.mark.parametrize("rows", [10, 40])
def test_the_list_asks_no_more_for_more_rows(rows: int, office: Client, admin: User) -> None:
    for _ in range(rows):
        work_on(escalate(make_order()), admin, is_assigned=True, assigned_to=admin.pk)

    with CaptureQueriesContext(connection) as queries:
        assert office.get(LIST).status_code == 200

    # session, account, how many to show and in all, the dates' bounds and their months, the rows with order and admin
    assert sum("SAVEPOINT" not in query["sql"] for query in queries) == 7


def test_the_page_shows_history_and_leads_to_the_order(office: Client, admin: User) -> None:
    order = make_order()
    dispute = escalate(order, detail="fraudulent")
    work_on(dispute, admin, note="Asked the bank.")

    page = office.get(f"{LIST}{dispute.pk}/change/").content.decode()

    assert f"/admin/orders/order/{order.pk}/change/" in page
    assert "Asked the bank." in page
    assert "fraudulent" in page
    assert 'name="_save"' not in page
    assert 'name="resolution"' not in page


def test_escalations_are_neither_added_nor_changed_nor_deleted_by_hand(office: Client) -> None:
    dispute = escalate()

    answers = [
        office.get(f"{LIST}add/"),
        office.post(f"{LIST}{dispute.pk}/change/", {"status": "resolved"}),
        office.post(f"{LIST}{dispute.pk}/delete/", {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    dispute.refresh_from_db()
    assert dispute.status == "open"


def test_taking_is_for_me(office: Client, admin: User) -> None:
    fresh, done = escalate(), bring_to(escalate(), EscalationStatus.RESOLVED)
    busy = bring_to(escalate(title="Already taken"), EscalationStatus.IN_PROGRESS)

    page = act(office, "take", fresh, done, busy)

    assert "2 of the chosen were taken." in page
    assert "Dispute: Already taken: The escalation is in_progress and cannot become in_progress." in page
    for row in (fresh, done, busy):
        row.refresh_from_db()
        assert row.status == "in_progress"
    assert (fresh.assigned_to, done.assigned_to, busy.assigned_to) == (admin, admin, None)
    assert said(fresh) == [("", f"Assigned to {admin.email}."), ("in_progress", "")]


def test_resolving_takes_words_and_lets_the_order_go(office: Client, admin: User) -> None:
    order = make_order()
    dispute = escalate(order, holds_fulfilment=True)

    assert "Say how it was resolved." in act(office, "resolve", dispute, words="  ")
    assert is_on_hold(order)
    assert "1 of the chosen were resolved." in act(office, "resolve", dispute, words=" Won. ")

    dispute.refresh_from_db()
    assert (dispute.status, dispute.resolution) == ("resolved", "Won.")
    assert [(note.status, note.author) for note in dispute.notes.all()] == [("resolved", admin)]
    assert not is_on_hold(order)


def test_a_note_is_added_and_an_empty_one_is_not(office: Client) -> None:
    dispute = escalate()

    assert "Write the note beside the action." in act(office, "add_note", dispute)
    assert "1 of the chosen were noted." in act(office, "add_note", dispute, words="Asked the bank.")

    assert said(dispute) == [("", "Asked the bank.")]


def test_looking_is_not_acting() -> None:
    viewer = make_admin()
    User.objects.filter(pk=viewer.pk).update(is_superuser=False)
    viewer = User.objects.get(pk=viewer.pk)
    viewer.user_permissions.add(Permission.objects.get(codename="view_escalation"))
    client, dispute = Client(), escalate()
    client.force_login(viewer)

    page = act(client, "take", dispute)

    assert dispute.title in page
    dispute.refresh_from_db()
    assert dispute.status == "open"
