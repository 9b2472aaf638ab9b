"""Escalations over HTTP, v2: who may, what they see, what they may do."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from apps.support.models import Escalation, EscalationNote
from apps.support.services.complaints import OPEN_COMPLAINTS_MAX
from apps.support.states import EscalationKind, EscalationStatus
from core.ids import new_id
from tests.apps.orders.making import checkout, fill_cart, guest, make_order, make_order_in
from tests.apps.support.making import bring_to, escalate, is_on_hold, news
from tests.factories import default_variant, make_product, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User], ApiClient]
ALL = "/api/v2/escalations/"
COMPLAINT = {"title": "Broken", "detail": "One cup is cracked."}
OWNER_SEES = {"id", "kind", "status", "title", "detail", "resolution", "created_at", "resolved_at"}
ADMIN_SEES = OWNER_SEES | {
    "reference", "order_id", "order_number", "amount", "currency", "holds_fulfilment", "opened_by", "assigned_to",
    "updated_at",
}  # fmt: skip


def of_order(order: Order) -> str:
    return f"/api/v2/orders/{order.pk}/escalations/"


def one(escalation: Escalation) -> str:
    return f"{ALL}{escalation.pk}/"


def told(response: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return response.status_code, response.json().get("code", "")


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [entry["id"] for entry in response.json()["results"]]


@pytest.fixture
def guest_order() -> tuple[Order, ApiClient]:
    """An order of a guest, and the guest."""
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))
    placed = checkout(None, owner, email="ada@example.com")
    return placed.order, ApiClient(Client(), order_token=placed.order_token or "")


# --- An order's escalations -----------------------------------------------------------------------
def test_a_customer_complains_and_reads_the_answer(api_as: ApiAs, customer: User, admin: User) -> None:
    order = make_order(user=customer)
    me = api_as(customer)

    posted = me.post(of_order(order), {**COMPLAINT, "kind": "dispute", "status": "resolved", "reference": "x"})

    assert posted.status_code == 201
    complaint = posted.json()
    assert set(complaint) == OWNER_SEES
    assert (complaint["kind"], complaint["status"], complaint["title"]) == ("complaint", "open", "Broken")
    assert (complaint["detail"], complaint["resolution"], complaint["resolved_at"]) == ("One cup is cracked.", "", None)
    answer = {"status": "resolved", "resolution": "A new cup is on its way.", "note": "second time for this seller"}
    assert api_as(admin).patch(f"{ALL}{complaint['id']}/", answer).status_code == 200
    page = me.get(of_order(order)).json()
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)
    [seen] = page["results"]
    assert set(seen) == OWNER_SEES
    assert (seen["id"], seen["status"], seen["resolution"]) == (complaint["id"], "resolved", "A new cup is on its way.")
    assert seen["resolved_at"] is not None
    assert "second time" not in str(page)


def test_a_guest_complains_with_the_orders_token(guest_order: tuple[Order, ApiClient]) -> None:
    order, me = guest_order

    assert me.post(of_order(order), {"title": "Late"}).status_code == 201

    [seen] = me.get(of_order(order)).json()["results"]
    assert (seen["title"], seen["detail"]) == ("Late", "")
    assert Escalation.objects.get().opened_by is None


def test_an_admin_complains_for_a_customer_and_sees_every_kind(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    escalate(order, kind=EscalationKind.RISKY_PAYMENT)

    assert api_as(admin).post(of_order(order), COMPLAINT).status_code == 201

    page = api_as(admin).get(of_order(order)).json()
    assert [entry["kind"] for entry in page["results"]] == ["complaint", "risky_payment"]
    assert set(page["results"][1]) == OWNER_SEES


def test_a_suspicion_is_not_told_to_the_suspect(api_as: ApiAs, customer: User) -> None:
    order = make_order(user=customer)
    for kind in EscalationKind:
        escalate(order, kind=kind)

    page = api_as(customer).get(of_order(order)).json()

    assert page["count"] == 3
    assert [entry["kind"] for entry in page["results"]] == ["complaint", "refund_failed", "dispute"]


def test_strangers_and_sellers_find_no_such_order(api_as: ApiAs, seller: User, customer: User, api: ApiClient) -> None:
    variant = default_variant(make_product(seller=seller))
    order = make_order((variant, 1))
    escalate(order)
    wrong_token = ApiClient(Client(), order_token="not-the-token")

    for caller in (api_as(customer), api_as(seller), wrong_token):
        assert told(caller.get(of_order(order))) == (404, "order_not_found")
        assert told(caller.post(of_order(order), COMPLAINT)) == (404, "order_not_found")
    for answer in (api.get(of_order(order)), api.post(of_order(order), COMPLAINT)):
        assert told(answer) == (401, "not_authenticated")
    assert Escalation.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 5}, "title"),
        ({"title": "Broken", "detail": "x" * 5001}, "detail"),
        ({"title": "Broken", "detail": "\u0000"}, "detail"),
    ],
)
def test_a_complaint_that_says_nothing_or_too_much_is_refused(
    api_as: ApiAs, customer: User, body: dict[str, Any], field: str
) -> None:
    order = make_order(user=customer)

    refusal = api_as(customer).post(of_order(order), body)

    assert refusal.status_code == 400
    assert [error["field"] for error in refusal.json()["errors"]] == [field]
    assert not Escalation.objects.exists()


def test_the_sixth_open_complaint_is_a_conflict(api_as: ApiAs, customer: User) -> None:
    order = make_order(user=customer)
    for _ in range(OPEN_COMPLAINTS_MAX):
        assert api_as(customer).post(of_order(order), COMPLAINT).status_code == 201

    refusal = api_as(customer).post(of_order(order), COMPLAINT)

    assert told(refusal) == (409, "too_many_complaints")
    assert refusal.json()["limit"] == 5
    assert Escalation.objects.count() == 5


def test_a_repeat_with_its_key_is_one_complaint(api_as: ApiAs, customer: User, new_key: str) -> None:
    order = make_order(user=customer)
    me = api_as(customer)

    first, again = (me.post(of_order(order), COMPLAINT, Idempotency_Key=new_key) for _ in range(2))
    other = me.post(of_order(order), {"title": "Else"}, Idempotency_Key=new_key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.content == again.content
    assert again["Idempotent-Replayed"] == "true"
    assert (Escalation.objects.count(), news()) == (1, ["support.escalation_opened"])


def test_complaints_are_throttled_like_checkouts_and_reading_is_not(
    api_as: ApiAs, customer: User, settings: LazySettings
) -> None:
    settings.THROTTLE_ENABLED, settings.REDIS_URL = True, ""
    settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "checkout": "1/minute"}
    order = make_order(user=customer)
    me = api_as(customer)

    assert [me.post(of_order(order), COMPLAINT).status_code for _ in range(2)] == [201, 429]
    assert [me.get(of_order(order)).status_code for _ in range(2)] == [200, 200]
    assert Escalation.objects.count() == 1


def test_escalations_have_no_path_under_v1_or_the_bare_door(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    for base in ("/api/", "/api/v1/"):
        assert api_as(admin).get(f"{base}escalations/").status_code == 404
        assert api_as(admin).get(f"{base}orders/{order.pk}/escalations/").status_code == 404


# --- The admin's desk -----------------------------------------------------------------------------
@pytest.mark.parametrize("role", ["anonymous", "customer", "seller", "guest"])
def test_the_desk_is_the_admins(
    role: str, api: ApiClient, api_as: ApiAs, customer: User, seller: User, guest_order: tuple[Order, ApiClient]
) -> None:
    order, the_guest = guest_order
    escalation = escalate(order)
    callers = {"anonymous": api, "customer": api_as(customer), "seller": api_as(seller), "guest": the_guest}
    caller = callers[role]
    expected = (401, "not_authenticated") if role in {"anonymous", "guest"} else (403, "forbidden")

    answers = [caller.get(ALL), caller.get(one(escalation)), caller.patch(one(escalation), {"status": "in_progress"})]

    assert [told(answer) for answer in answers] == [expected] * 3
    escalation.refresh_from_db()
    assert escalation.status == "open"


def test_the_list_shows_all_with_their_orders_newest_first(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    first = escalate(order, reference="dp_1", amount=Decimal("7.5"), currency="USD", holds_fulfilment=True)
    second = escalate(None, kind=EscalationKind.PAYMENT_MISMATCH)

    page = api_as(admin).get(ALL).json()

    assert [entry["id"] for entry in page["results"]] == [str(second.pk), str(first.pk)]
    assert all(set(entry) == ADMIN_SEES for entry in page["results"])
    dispute, mismatch = page["results"][1], page["results"][0]
    assert (dispute["reference"], dispute["amount"], dispute["currency"]) == ("dp_1", "7.50", "USD")
    assert (dispute["order_id"], dispute["order_number"]) == (str(order.pk), order.order_number)
    assert dispute["holds_fulfilment"] is True
    assert [mismatch[name] for name in ("order_id", "order_number", "amount", "currency")] == [None] * 4


def test_the_list_is_narrowed_and_turned(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    dispute, risky = escalate(order), escalate(kind=EscalationKind.RISKY_PAYMENT)
    done = bring_to(escalate(order), EscalationStatus.RESOLVED)
    desk = api_as(admin)

    def listed(query: str) -> list[Any]:
        return ids(desk.get(f"{ALL}?{query}"))

    assert listed("status=open") == [str(risky.pk), str(dispute.pk)]
    assert listed("kind=risky_payment") == [str(risky.pk)]
    assert listed(f"order={order.pk}") == [str(done.pk), str(dispute.pk)]
    assert listed(f"order={order.pk}&status=resolved&kind=dispute") == [str(done.pk)]
    assert listed("ordering=created_at") == [str(dispute.pk), str(risky.pk), str(done.pk)]
    assert listed("page_size=2&page=2") == [str(dispute.pk)]
    assert listed(f"order={new_id()}") == []


@pytest.mark.parametrize("query", ["status=closed", "kind=anger", "order=1", "ordering=title", "page=0"])
def test_a_filter_that_means_nothing_is_refused(api_as: ApiAs, admin: User, query: str) -> None:
    refusal = api_as(admin).get(f"{ALL}?{query}")

    assert refusal.status_code == 400
    assert [error["field"] for error in refusal.json()["errors"]] == [query.partition("=")[0]]


def test_the_desk_takes_and_resolves_with_history(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    dispute = escalate(order, holds_fulfilment=True)
    desk = api_as(admin)

    taken = desk.patch(one(dispute), {"status": "in_progress", "assigned_to": str(admin.pk), "note": "Asked the bank."})
    done = desk.patch(one(dispute), {"status": "resolved", "resolution": "Won."})

    assert (taken.status_code, done.status_code) == (200, 200)
    assert (taken.json()["status"], taken.json()["assigned_to"]) == ("in_progress", str(admin.pk))
    body = done.json()
    assert set(body) == ADMIN_SEES | {"notes"}
    assert (body["status"], body["resolution"]) == ("resolved", "Won.")
    assert [(note["status"], note["text"]) for note in body["notes"]] == [
        (None, f"Assigned to {admin.email}."), (None, "Asked the bank."), ("in_progress", ""), ("resolved", "Won."),
    ]  # fmt: skip
    assert all(set(note) == {"id", "author", "status", "text", "created_at"} for note in body["notes"])
    assert {note["author"] for note in body["notes"]} == {str(admin.pk)}
    assert desk.get(one(dispute)).json() == body
    assert not is_on_hold(order)


def test_a_held_order_is_sent_when_its_dispute_is_resolved(api_as: ApiAs, admin: User) -> None:
    order, desk = make_order_in(OrderStatus.PROCESSING), api_as(admin)
    dispute = escalate(order, holds_fulfilment=True)
    ship = f"orders/{order.pk}/"

    assert told(desk.patch(ship, {"status": "shipped"})) == (409, "order_on_hold")
    assert desk.patch(one(dispute), {"status": "resolved", "resolution": "Won."}).status_code == 200
    assert desk.patch(ship, {"status": "shipped"}).json()["status"] == "shipped"


def test_what_only_the_shop_sets_cannot_be_sent(api_as: ApiAs, admin: User) -> None:
    dispute = escalate(make_order(), reference="dp_1", holds_fulfilment=True)
    sent = {"kind": "complaint", "reference": "dp_2", "holds_fulfilment": False, "title": "Nothing", "order_id": None}

    assert api_as(admin).patch(one(dispute), sent).status_code == 200

    assert Escalation.objects.filter(pk=dispute.pk, kind="dispute", reference="dp_1", holds_fulfilment=True).exists()
    assert not EscalationNote.objects.exists()


def test_a_move_the_table_does_not_have_is_a_conflict(api_as: ApiAs, admin: User) -> None:
    escalation = bring_to(escalate(), EscalationStatus.IN_PROGRESS)

    refusal = api_as(admin).patch(one(escalation), {"status": "open", "note": "once more"})

    assert told(refusal) == (409, "invalid_escalation_transition")
    assert [refusal.json()[name] for name in ("from", "to", "allowed")] == ["in_progress", "open", ["resolved"]]
    assert escalation.notes.filter(text="once more").count() == 0


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"status": "resolved"}, "resolution", "required"),
        ({"status": "resolved", "resolution": " "}, "resolution", "required"),
        ({"resolution": "Won."}, "resolution", "not_resolved"),
        ({"status": "closed"}, "status", "invalid_choice"),
        ({"assigned_to": 5}, "assigned_to", "invalid"),
        ({"assigned_to": "0198c0de-0000-7000-8000-000000000000"}, "assigned_to", "not_an_admin"),
        ({"note": "x" * 5001}, "note", "max_length"),
    ],
)
def test_a_step_that_is_not_valid_names_its_field(
    api_as: ApiAs, admin: User, body: dict[str, Any], field: str, code: str
) -> None:
    escalation = escalate()

    refusal = api_as(admin).patch(one(escalation), body)

    assert refusal.status_code == 400
    assert [(error["field"], error["code"]) for error in refusal.json()["errors"]] == [(field, code)]
    escalation.refresh_from_db()
    assert (escalation.status, escalation.notes.count()) == ("open", 0)


def test_an_unknown_escalation_is_not_found(api_as: ApiAs, admin: User) -> None:
    for answer in (api_as(admin).get(f"{ALL}{new_id()}/"), api_as(admin).patch(f"{ALL}{new_id()}/", {"note": "x"})):
        assert told(answer) == (404, "escalation_not_found")


def test_if_match_refuses_a_step_on_what_has_changed(api_as: ApiAs, admin: User) -> None:
    escalation, desk = escalate(), api_as(admin)
    read = desk.get(one(escalation))["ETag"]

    assert desk.get(one(escalation), If_None_Match=read).status_code == 304
    assert desk.patch(one(escalation), {"note": "one"}, If_Match=read).status_code == 200
    stale = desk.patch(one(escalation), {"status": "in_progress"}, If_Match=read)
    assert told(stale) == (412, "precondition_failed")
    escalation.refresh_from_db()
    assert escalation.status == "open"
    assert desk.patch(one(escalation), {"note": "two"}, If_Match=desk.get(one(escalation))["ETag"]).status_code == 200


def test_escalations_are_private(api_as: ApiAs, admin: User) -> None:
    assert api_as(admin).get(ALL)["Cache-Control"] == "private, no-store"


# --- Statements -----------------------------------------------------------------------------------
def count(act: Callable[[], Any]) -> int:
    """Count statements without the savepoints, which are the test's own."""
    with CaptureQueriesContext(connection) as queries:
        assert act().status_code in {200, 201}
    return sum("SAVEPOINT" not in query["sql"] for query in queries)


@pytest.mark.parametrize("rows", [10, 100])
def test_statement_counts_do_not_grow(rows: int, api_as: ApiAs, admin: User, customer: User) -> None:
    order = make_order(user=customer)
    escalations = [escalate(order if number % 2 else make_order()) for number in range(rows)]
    for escalation in escalations[1:4]:
        escalation.notes.create(author=make_user(), text="said")
    me, desk = api_as(customer), api_as(admin)
    counted = {
        "list": count(lambda: desk.get(f"{ALL}?page_size=100")),
        "one": count(lambda: desk.get(one(escalations[1]))),
        "order's": count(lambda: me.get(f"{of_order(order)}?page_size=100")),
        "complaint": count(lambda: me.post(of_order(order), COMPLAINT)),
        "taken": count(lambda: desk.patch(one(escalations[1]), {"status": "in_progress"})),
    }
    assert counted == {
        "list": 3,  # who asks, how many, the page with its orders
        "one": 3,  # who asks, the row with its order, its notes
        "order's": 4,  # … whose order
        "complaint": 5,  # who asks, order locked, complaints counted, row, event
        "taken": 8,  # who asks, which order, order and row locked, row, history; then as "one"
    }
