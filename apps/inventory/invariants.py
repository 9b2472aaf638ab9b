"""What must be true of stock at every moment."""

from collections.abc import Iterable

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from apps.inventory.models import Stock
from apps.inventory.states import ReservationState
from core.invariants import invariant


@invariant("inventory.reserved_within_on_hand")
def reserved_within_on_hand() -> Iterable[str]:
    """0 <= reserved <= on_hand for every stock row."""
    for stock in Stock.objects.filter(Q(reserved__lt=0) | Q(reserved__gt=F("on_hand"))).iterator():
        yield f"stock {stock.id}: {stock.reserved} reserved of {stock.on_hand} on hand"


@invariant("inventory.on_hand_equals_ledger")
def on_hand_equals_ledger() -> Iterable[str]:
    """`on_hand` is the sum of the stock row's movements."""
    ledger = Coalesce(Sum("movements__quantity"), 0)
    for stock_id, on_hand, explained in _differing(Stock.objects.annotate(explained=ledger), "on_hand"):
        yield f"stock {stock_id}: {on_hand} on hand, but its movements sum to {explained}"


@invariant("inventory.reserved_equals_open_reservations")
def reserved_equals_open_reservations() -> Iterable[str]:
    """`reserved` is the sum of the stock row's open reservations."""
    is_open = Q(reservations__state=ReservationState.OPEN)
    promised = Coalesce(Sum("reservations__quantity", filter=is_open), 0)
    for stock_id, reserved, explained in _differing(Stock.objects.annotate(explained=promised), "reserved"):
        yield f"stock {stock_id}: {reserved} reserved, but its open reservations sum to {explained}"


def _differing(rows: QuerySet[Stock], column: str) -> Iterable[tuple[object, int, int]]:
    return rows.exclude(Q(explained=F(column))).order_by("id").values_list("id", column, "explained").iterator()
