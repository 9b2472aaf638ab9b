"""What must always be true of escalations; `manage.py verify_invariants` looks."""

from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from apps.orders.models import Order
from apps.support.models import Escalation, EscalationNote
from apps.support.states import EscalationStatus
from core.invariants import invariant


@invariant("support.order_is_on_hold_while_an_escalation_holds_it")
def order_is_on_hold_while_held() -> Iterable[str]:
    """An order is on hold exactly while an unresolved escalation holds it."""
    orders = Order.objects.annotate(is_held=Exists(Escalation.objects.holding().filter(order=OuterRef("pk"))))
    wrong = orders.filter(Q(is_on_hold=True, is_held=False) | Q(is_on_hold=False, is_held=True)).order_by("pk")
    for number, is_on_hold in wrong.values_list("order_number", "is_on_hold"):
        yield f"order {number} is on hold for nothing" if is_on_hold else f"order {number} is held and not on hold"


@invariant("support.status_is_the_last_of_its_history")
def status_is_the_last_of_its_history() -> Iterable[str]:
    """The last status in an escalation's notes is its status; without any it is open."""
    moves = EscalationNote.objects.filter(escalation=OuterRef("pk")).exclude(status="").order_by("-created_at", "-id")
    last = Coalesce(Subquery(moves.values("status")[:1]), Value(EscalationStatus.OPEN.value))
    wrong = Escalation.objects.annotate(told=last).exclude(status=F("told")).order_by("pk")
    for escalation_id, status, told in wrong.values_list("pk", "status", "told"):
        yield f"escalation {escalation_id} is {status}, its history says {told}"
