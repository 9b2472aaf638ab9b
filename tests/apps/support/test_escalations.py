"""Opening, working on and closing escalations, and the hold they put on an order."""

from decimal import Decimal
from itertools import product

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.orders.errors import OrderNotFound
from apps.orders.selectors import OrderPrincipal
from apps.support import invariants
from apps.support.errors import EscalationNotFound, InvalidEscalationTransition, TooManyComplaints
from apps.support.models import Escalation, EscalationNote
from apps.support.services.complaints import OPEN_COMPLAINTS_MAX, open_complaint
from apps.support.states import ESCALATION_TRANSITIONS, UNRESOLVED, EscalationKind, EscalationStatus
from core import clock
from core.errors import InvalidInput
from core.events.models import OutboxEvent
from core.ids import new_id
from core.invariants import check_invariants
from tests.apps.orders.making import make_order
from tests.apps.support.making import bring_to, escalate, is_on_hold, news, said, settle, work_on
from tests.factories import make_admin, make_seller, make_user

pytestmark = pytest.mark.django_db
OPEN, IN_PROGRESS, RESOLVED = EscalationStatus.OPEN, EscalationStatus.IN_PROGRESS, EscalationStatus.RESOLVED


# --- Opening --------------------------------------------------------------------------------------
def test_an_escalation_is_on_record_with_its_news() -> None:
    order = make_order()

    opened = escalate(
        order, reference="dp_1", title="Disputed", detail="fraudulent", amount=Decimal("20"), currency="USD"
    )

    row = Escalation.objects.get()
    assert row == opened
    assert (row.kind, row.reference, row.status, row.order_id) == ("dispute", "dp_1", "open", order.pk)
    assert (row.title, row.detail, row.amount, row.currency) == ("Disputed", "fraudulent", Decimal("20"), "USD")
    assert (row.holds_fulfilment, row.resolution, row.resolved_at, row.opened_by) == (False, "", None, None)
    event = OutboxEvent.objects.get(name="support.escalation_opened")
    assert event.aggregate_id == str(row.pk)
    assert event.payload == {
        "escalation_id": str(row.pk),
        "kind": "dispute",
        "title": "Disputed",
        "order_id": str(order.pk),
        "order_number": order.order_number,
        "email": order.email,
        "language": order.language,
        "holds_fulfilment": False,
    }


def test_the_same_reference_again_changes_nothing() -> None:
    order = make_order()
    first = escalate(order, reference="dp_1", title="First")

    again = escalate(order, reference="dp_1", title="Second", holds_fulfilment=True)

    assert again == first
    assert (again.title, again.holds_fulfilment) == ("First", False)
    assert Escalation.objects.count() == 1
    assert news() == ["support.escalation_opened"]
    assert not is_on_hold(order)


def test_a_resolved_one_is_not_opened_again_by_its_reference() -> None:
    order = make_order()
    settle(escalate(order, reference="dp_1", holds_fulfilment=True))

    again = escalate(order, reference="dp_1", holds_fulfilment=True)

    assert again.status == "resolved"
    assert not is_on_hold(order)


def test_one_reference_of_two_kinds_is_two_matters() -> None:
    escalate(reference="re_1", kind=EscalationKind.DISPUTE)
    escalate(reference="re_1", kind=EscalationKind.REFUND_FAILED)

    assert Escalation.objects.count() == 2


def test_without_a_reference_each_is_another_matter() -> None:
    for _ in range(2):
        escalate(reference="", kind=EscalationKind.PAYMENT_MISMATCH)

    assert Escalation.objects.count() == 2
    assert news() == ["support.escalation_opened"] * 2


def test_without_an_order_nothing_is_held() -> None:
    opened = escalate(None, holds_fulfilment=True)

    assert (opened.order, opened.holds_fulfilment) == (None, False)
    payload = OutboxEvent.objects.get(name="support.escalation_opened").payload
    assert (payload["order_id"], payload["order_number"], payload["email"]) == (None, "", "")


def test_a_title_that_is_too_long_is_cut() -> None:
    assert escalate(title="x" * 201).title == "x" * 200


def test_an_amount_without_its_currency_is_refused_by_the_database() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        escalate(reference="", amount=Decimal("1"))
    assert not Escalation.objects.exists()


# --- The hold -------------------------------------------------------------------------------------
def test_an_order_is_on_hold_until_the_last_that_holds_it_is_resolved() -> None:
    order = make_order()
    first, second = (escalate(order, holds_fulfilment=True) for _ in range(2))
    escalate(order, holds_fulfilment=False)
    assert is_on_hold(order)

    settle(first)
    assert is_on_hold(order)
    work_on(second, status=RESOLVED, resolution="fine")
    assert not is_on_hold(order)


def test_one_that_holds_nothing_neither_holds_nor_releases() -> None:
    order = make_order()
    bystander = escalate(order)
    assert not is_on_hold(order)

    escalate(order, holds_fulfilment=True)
    settle(bystander)

    assert is_on_hold(order)


def test_reopening_holds_the_order_again() -> None:
    order = make_order()
    dispute = bring_to(escalate(order, holds_fulfilment=True), RESOLVED)
    assert not is_on_hold(order)

    reopened = work_on(dispute, status=IN_PROGRESS)

    assert is_on_hold(order)
    assert (reopened.status, reopened.resolution, reopened.resolved_at) == ("in_progress", "", None)


def test_the_caller_sees_the_hold_on_the_order_it_locked() -> None:
    order = make_order()
    version = order.version

    escalate(order, holds_fulfilment=True)

    order.refresh_from_db()
    assert (order.is_on_hold, order.version) == (True, version + 1)


# --- Resolving by reference -----------------------------------------------------------------------
def test_the_shop_resolves_by_reference_once() -> None:
    dispute = escalate(make_order(), reference="dp_1")
    settle(dispute, "won")
    settle(dispute, "lost")

    dispute.refresh_from_db()
    assert (dispute.status, dispute.resolution) == ("resolved", "won")
    assert dispute.resolved_at is not None
    assert said(dispute) == [("resolved", "won")]
    assert news() == ["support.escalation_opened", "support.escalation_resolved"]
    assert OutboxEvent.objects.get(name="support.escalation_resolved").payload["resolution"] == "won"


def test_resolving_what_is_not_on_record_is_harmless() -> None:
    other = escalate(reference="dp_1")
    nameless = escalate(reference="")
    for name in ("dp_2", ""):
        settle(Escalation(kind=EscalationKind.DISPUTE, reference=name))
    settle(Escalation(kind=EscalationKind.COMPLAINT, reference="dp_1"))

    assert {other.pk, nameless.pk} == set(Escalation.objects.unresolved().values_list("pk", flat=True))
    assert not EscalationNote.objects.exists()


def test_resolving_by_reference_without_the_order_releases_it_too() -> None:
    order = make_order()
    dispute = escalate(order, holds_fulfilment=True)
    dispute.order_id = None

    settle(dispute)

    assert not is_on_hold(order)


def test_resolving_by_reference_without_words_is_refused() -> None:
    dispute = escalate()
    with pytest.raises(InvalidInput):
        settle(dispute, "")

    dispute.refresh_from_db()
    assert dispute.status == "open"


# --- An admin's step ------------------------------------------------------------------------------
@pytest.mark.parametrize(("start", "to"), list(product(EscalationStatus, EscalationStatus)))
def test_every_move_of_the_matrix_is_made_or_refused(start: EscalationStatus, to: EscalationStatus) -> None:
    escalation = bring_to(escalate(), start)
    before, told = said(escalation), news()
    resolution = "done" if to == RESOLVED else ""

    if to in ESCALATION_TRANSITIONS[start]:
        assert work_on(escalation, status=to, resolution=resolution).status == to
        assert said(escalation) == [*before, (to, resolution)]
        assert news() == told + (["support.escalation_resolved"] if to == RESOLVED else [])
    else:
        with pytest.raises(InvalidEscalationTransition) as refusal:
            work_on(escalation, status=to, resolution=resolution)
        allowed = sorted(ESCALATION_TRANSITIONS[start])
        assert refusal.value.extra == {"from": start, "to": to, "allowed": allowed}
        assert (said(escalation), news()) == (before, told)
    escalation.refresh_from_db()
    assert escalation.status == (to if to in ESCALATION_TRANSITIONS[start] else start)


def test_the_table_says_what_was_agreed() -> None:
    moves = {(start.value, to.value) for start, onward in ESCALATION_TRANSITIONS.items() for to in onward}
    assert moves == {
        ("open", "in_progress"), ("open", "resolved"), ("in_progress", "resolved"), ("resolved", "in_progress"),
    }  # fmt: skip
    assert frozenset({OPEN, IN_PROGRESS}) == UNRESOLVED


def test_one_step_assigns_notes_and_resolves(admin: User) -> None:
    escalation = escalate()

    after = work_on(
        escalation, admin, status=RESOLVED, resolution="Sent again.", note="Called them.", is_assigned=True,
        assigned_to=admin.pk,
    )  # fmt: skip

    assert (after.status, after.resolution, after.assigned_to) == ("resolved", "Sent again.", admin)
    assert said(escalation) == [
        ("", f"Assigned to {admin.email}."), ("", "Called them."), ("resolved", "Sent again."),
    ]  # fmt: skip
    assert set(escalation.notes.values_list("author", flat=True)) == {admin.pk}


def test_nobody_and_nothing_leave_no_line_of_history(admin: User) -> None:
    escalation = escalate()
    work_on(escalation, is_assigned=True, assigned_to=admin.pk)
    work_on(escalation, is_assigned=True, assigned_to=admin.pk)
    work_on(escalation)
    work_on(escalation, is_assigned=True, assigned_to=None)

    escalation.refresh_from_db()
    assert escalation.assigned_to is None
    assert said(escalation) == [("", f"Assigned to {admin.email}."), ("", "Assigned to nobody.")]


@pytest.mark.parametrize("who", ["customer", "seller", "closed admin", "nobody known"])
def test_only_active_admins_are_assigned(who: str) -> None:
    ids = {
        "customer": lambda: make_user().pk,
        "seller": lambda: make_seller().pk,
        "closed admin": lambda: make_admin(is_active=False).pk,
        "nobody known": new_id,
    }
    escalation = escalate()

    with pytest.raises(InvalidInput) as refusal:
        work_on(escalation, note="hers", is_assigned=True, assigned_to=ids[who]())

    assert [(error.field, error.code) for error in refusal.value.errors] == [("assigned_to", "not_an_admin")]
    escalation.refresh_from_db()
    assert (escalation.assigned_to, said(escalation)) == (None, [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": RESOLVED}, "required"),
        ({"status": IN_PROGRESS, "resolution": "done"}, "not_resolved"),
        ({"resolution": "done"}, "not_resolved"),
    ],
)
def test_a_resolution_goes_with_resolving_and_with_nothing_else(changes: dict[str, str], code: str) -> None:
    escalation = escalate()

    with pytest.raises(InvalidInput) as refusal:
        work_on(escalation, note="said", **changes)

    assert [(error.field, error.code) for error in refusal.value.errors] == [("resolution", code)]
    escalation.refresh_from_db()
    assert (escalation.status, said(escalation)) == ("open", [])


def test_an_unknown_escalation_is_not_found() -> None:
    with pytest.raises(EscalationNotFound):
        work_on(Escalation(), note="said")
    assert not EscalationNote.objects.exists()


# --- Complaints -----------------------------------------------------------------------------------
def complain(order_id: object, user: User | None, token: str | None = None) -> Escalation:
    principal = OrderPrincipal(user=user, order_token=token)
    return open_complaint(principal=principal, order_id=order_id, title="Broken", detail="Cracked", now=clock.now())  # type: ignore[arg-type]


def test_an_owner_complains_about_the_order(customer: User) -> None:
    order = make_order(user=customer)

    complaint = complain(order.pk, customer)

    assert (complaint.kind, complaint.reference, complaint.status) == ("complaint", "", "open")
    assert (complaint.order_id, complaint.opened_by, complaint.holds_fulfilment) == (order.pk, customer, False)
    assert news() == ["support.escalation_opened"]


def test_a_stranger_complains_about_nothing(customer: User) -> None:
    order = make_order()
    for user, token in ((customer, None), (None, "guessed"), (None, None)):
        with pytest.raises(OrderNotFound):
            complain(order.pk, user, token)

    assert not Escalation.objects.exists()


def test_the_sixth_open_complaint_is_refused_until_one_is_resolved(customer: User) -> None:
    order, other = make_order(user=customer), make_order(user=customer)
    escalate(order)
    complaints = [complain(order.pk, customer) for _ in range(OPEN_COMPLAINTS_MAX)]

    with pytest.raises(TooManyComplaints) as refusal:
        complain(order.pk, customer)

    assert refusal.value.extra == {"limit": 5}
    assert Escalation.objects.filter(kind="complaint").count() == 5
    complain(other.pk, customer)
    bring_to(complaints[0], IN_PROGRESS)
    with pytest.raises(TooManyComplaints):
        complain(order.pk, customer)
    bring_to(complaints[1], RESOLVED)
    complain(order.pk, customer)


# --- Invariants -----------------------------------------------------------------------------------
def test_a_used_support_desk_is_clean() -> None:
    for status in EscalationStatus:
        bring_to(escalate(make_order(), holds_fulfilment=True), status)
    work_on(bring_to(escalate(make_order(), holds_fulfilment=True), RESOLVED), status=IN_PROGRESS)
    bring_to(escalate(), RESOLVED)

    assert {finding.name: finding.violations for finding in check_invariants() if finding.violations} == {}


def test_a_hold_for_nothing_and_a_missing_hold_are_found() -> None:
    idle, held = make_order(), make_order()
    escalate(held, holds_fulfilment=True)
    type(idle).objects.filter(pk=idle.pk).update(is_on_hold=True)
    type(held).objects.filter(pk=held.pk).update(is_on_hold=False)

    assert list(invariants.order_is_on_hold_while_held()) == [
        f"order {idle.order_number} is on hold for nothing", f"order {held.order_number} is held and not on hold",
    ]  # fmt: skip


def test_a_status_without_its_history_is_found() -> None:
    escalation = escalate()
    Escalation.objects.filter(pk=escalation.pk).update(status=IN_PROGRESS)

    assert list(invariants.status_is_the_last_of_its_history()) == [
        f"escalation {escalation.pk} is in_progress, its history says open"
    ]


def test_history_is_never_rewritten() -> None:
    escalation = bring_to(escalate(), IN_PROGRESS)
    with pytest.raises(IntegrityError), transaction.atomic():
        escalation.notes.update(text="something else")
    assert said(escalation) == [("in_progress", "")]
