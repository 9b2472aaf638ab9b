"""Many at once on real connections: one reference is one escalation, and a hold ends with the last that holds."""

import threading

import pytest

from apps.orders.selectors import OrderPrincipal
from apps.support.errors import InvalidEscalationTransition, TooManyComplaints
from apps.support.models import Escalation, EscalationNote
from apps.support.services import complaints, escalations
from apps.support.services.complaints import open_complaint
from apps.support.states import EscalationKind, EscalationStatus
from core import clock
from core.invariants import check_invariants
from tests.apps.orders.crowd import at_once, no_new_deadlocks, side_by_side, without_row_locks
from tests.apps.orders.making import make_order
from tests.apps.support.making import escalate, is_on_hold, news, settle, work_on
from tests.factories import make_admin, make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLIENTS = 20


def violations() -> dict[str, tuple[str, ...]]:
    return {finding.name: finding.violations for finding in check_invariants() if finding.violations}


@pytest.mark.parametrize("with_order", [True, False], ids=["of an order", "of no order"])
def test_one_reference_twenty_times_at_once_is_one_escalation(with_order: bool) -> None:
    order = make_order() if with_order else None

    with no_new_deadlocks():
        opened = at_once([lambda: escalate(order, reference="dp_1", holds_fulfilment=True)] * CLIENTS, clients=CLIENTS)

    row = Escalation.objects.get()
    assert opened == [row] * CLIENTS
    assert news() == ["support.escalation_opened"]
    assert order is None or is_on_hold(order)
    assert violations() == {}


def test_who_looks_before_writing_meets_the_unique_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: two that looked and found nothing both write, and only the database refuses the second."""
    all_have_looked = threading.Barrier(2)

    def look_then_write(escalation: Escalation) -> Escalation:
        known = Escalation.objects.filter(reference=escalation.reference).first()
        all_have_looked.wait(10)
        if known is not None:
            return known
        escalation.save(force_insert=True)
        return escalation

    monkeypatch.setattr(escalations, "_insert", look_then_write)

    opened = at_once([lambda: escalate(reference="dp_1")] * 2, clients=2)

    assert sorted(type(outcome).__name__ for outcome in opened) == ["Escalation", "IntegrityError"]
    assert Escalation.objects.count() == 1


def test_the_last_two_holds_resolved_at_once_release_the_order() -> None:
    """Each would see the other's still unresolved, and none would release, were the order not locked first."""
    orders = [make_order() for _ in range(50)]
    pairs = [[escalate(order, holds_fulfilment=True) for _ in range(2)] for order in orders]
    admin = make_admin()
    resolved = EscalationStatus.RESOLVED

    with no_new_deadlocks():
        by_shop, by_admin = side_by_side(
            len(orders),
            lambda number: settle(pairs[number][0]),
            lambda number: work_on(pairs[number][1], admin, status=resolved, resolution="fine"),
        )

    assert [outcome for outcome in by_shop if outcome is not None] == []
    assert [outcome for outcome in by_admin if isinstance(outcome, Exception)] == []
    assert [is_on_hold(order) for order in orders] == [False] * len(orders)
    assert violations() == {}


def test_without_the_lock_the_last_two_leave_the_order_on_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: both have written before either looks, and each takes the other's for unresolved."""
    order = make_order()
    pair = [escalate(order, holds_fulfilment=True) for _ in range(2)]
    both_have_written, both_have_looked = threading.Barrier(2), threading.Barrier(2)
    holding = type(Escalation.objects.all()).holding

    def look_when_both_have_written(rows: object) -> object:
        both_have_written.wait(10)
        seen = [row.pk for row in holding(rows)]  # type: ignore[arg-type]
        both_have_looked.wait(10)  # before either commits
        return Escalation.objects.filter(pk__in=seen)

    monkeypatch.setattr(type(Escalation.objects), "holding", look_when_both_have_written)

    def settle_unlocked(escalation: Escalation) -> None:
        with without_row_locks():
            settle(escalation)

    at_once([lambda row=row: settle_unlocked(row) for row in pair], clients=2)

    assert Escalation.objects.filter(status="resolved").count() == 2
    assert is_on_hold(order)


def test_twenty_admins_resolve_one_and_one_of_them_does() -> None:
    dispute, admins = escalate(make_order(), holds_fulfilment=True), [make_admin() for _ in range(CLIENTS)]

    outcomes = at_once(
        [
            lambda admin=admin: work_on(dispute, admin, status=EscalationStatus.RESOLVED, resolution=admin.email)
            for admin in admins
        ],
        clients=CLIENTS,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidEscalationTransition)]
    [done] = [outcome for outcome in outcomes if isinstance(outcome, Escalation)]
    assert len(refused) == CLIENTS - 1
    assert EscalationNote.objects.get().text == done.resolution
    assert news() == ["support.escalation_opened", "support.escalation_resolved"]
    assert violations() == {}


def complain(order_id: object, user: object) -> Escalation:
    principal = OrderPrincipal(user=user)  # type: ignore[arg-type]
    return open_complaint(principal=principal, order_id=order_id, title="Broken", detail="", now=clock.now())  # type: ignore[arg-type]


def test_twenty_complaints_at_once_are_five() -> None:
    user = make_user()
    order = make_order(user=user)

    outcomes = at_once([lambda: complain(order.pk, user)] * CLIENTS, clients=CLIENTS)

    assert sum(isinstance(outcome, Escalation) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, TooManyComplaints) for outcome in outcomes) == CLIENTS - 5
    assert Escalation.objects.filter(kind=EscalationKind.COMPLAINT).count() == 5


def test_without_the_lock_two_complaints_pass_a_limit_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    order = make_order(user=user)
    both_have_counted = threading.Barrier(2)
    require_room = complaints._require_room

    def count_then_wait(locked: object) -> None:
        require_room(locked)  # type: ignore[arg-type]
        both_have_counted.wait(10)

    monkeypatch.setattr(complaints, "_require_room", count_then_wait)
    monkeypatch.setattr(complaints, "OPEN_COMPLAINTS_MAX", 1)

    def complain_unlocked() -> Escalation:
        with without_row_locks():
            return complain(order.pk, user)

    at_once([complain_unlocked] * 2, clients=2)

    assert Escalation.objects.count() == 2
