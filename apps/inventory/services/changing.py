"""How figures of stock rows change: by one conditional UPDATE, with everybody told who needs to know."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence

from django.db import IntegrityError
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable, CombinedExpression

from apps.accounts.models import User
from apps.inventory.events import StockRanLow
from apps.inventory.locks import LockedStock
from apps.inventory.models import Stock, StockMovement
from apps.inventory.states import MovementKind
from apps.products.changes import CATALOGUE_SLOT, product_slot
from core.changes import counters
from core.events.publishing import publish

_ROWS_PER_UPDATE = 500  # a CASE is searched from its top for every row
_ALWAYS = Q()


@dataclasses.dataclass(frozen=True, slots=True)
class StockChange:
    """What is added to the two figures of one locked row (negative to take away)."""

    row: LockedStock
    on_hand: int = 0
    reserved: int = 0

    @property
    def available_after(self) -> int:
        return self.row.available + self.on_hand - self.reserved


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why units came or went, as the ledger notes it."""

    kind: MovementKind
    reason: str = ""
    reference: str = ""
    actor: User | None = None


def apply_changes(changes: Sequence[StockChange], *, now: dt.datetime, only_if: Q = _ALWAYS) -> bool:
    """Write the changes; return False when the figures in the database, or `only_if`, do not allow one of them.

    The condition 0 <= reserved <= on_hand stands in the UPDATE itself, so that nothing read earlier can be stale, and
    in the CHECK constraints behind it. After False the transaction is of no use any more: the caller raises.
    One statement (one for each 500 rows). Rows are locked by the caller, in pk order.
    """
    try:
        return all(
            _update(changes[start : start + _ROWS_PER_UPDATE], now=now, only_if=only_if)
            for start in range(0, len(changes), _ROWS_PER_UPDATE)
        )
    except IntegrityError:
        return False


def write_movements(changes: Iterable[StockChange], cause: Cause) -> None:
    """Note in the ledger every change of `on_hand`. One statement."""
    StockMovement.objects.bulk_create(
        StockMovement(
            stock_id=change.row.id,
            kind=cause.kind,
            quantity=change.on_hand,
            reason=cause.reason,
            reference=cause.reference,
            actor=cause.actor,
        )
        for change in changes
        if change.on_hand
    )


def announce(changes: Iterable[StockChange]) -> None:
    """Publish StockRanLow for each threshold crossed downward; make cached product answers stale on commit."""
    moved = [change for change in changes if change.available_after != change.row.available]
    if not moved:
        return
    slots = {product_slot(change.row.product_id) for change in moved}
    if any((change.row.available > 0) != (change.available_after > 0) for change in moved):
        slots.add(CATALOGUE_SLOT)
    counters().bump_on_commit(slots)
    ran_low = [_ran_low(change) for change in moved if _crosses_threshold(change)]
    if ran_low:
        publish(*ran_low)


def _update(changes: Sequence[StockChange], *, now: dt.datetime, only_if: Q) -> bool:
    on_hand = _plus(F("on_hand"), changes, lambda change: change.on_hand)
    reserved = _plus(F("reserved"), changes, lambda change: change.reserved)
    rows: QuerySet[Stock] = Stock.objects.filter(only_if, id__in=[change.row.id for change in changes])
    allowed = rows.alias(new_reserved=reserved).filter(new_reserved__gte=0, new_reserved__lte=on_hand)
    return allowed.update(on_hand=on_hand, reserved=reserved, updated_at=now) == len(changes)


def _plus(
    column: F, changes: Sequence[StockChange], delta_of: Callable[[StockChange], int]
) -> Combinable | CombinedExpression:
    """Return `column + delta`, where the delta is one number if all rows share it, else chosen by the row's id."""
    deltas: Mapping[uuid.UUID, int] = {change.row.id: delta_of(change) for change in changes}
    if len(set(deltas.values())) == 1:
        return column + next(iter(deltas.values()))
    chosen = Case(
        *(When(id=row_id, then=Value(delta)) for row_id, delta in deltas.items()), output_field=IntegerField()
    )
    return column + chosen


def _crosses_threshold(change: StockChange) -> bool:
    return change.available_after <= change.row.low_stock_threshold < change.row.available


def _ran_low(change: StockChange) -> StockRanLow:
    return StockRanLow(
        variant_id=str(change.row.variant_id),
        product_id=str(change.row.product_id),
        seller_id=str(change.row.seller_id),
        available=change.available_after,
        threshold=change.row.low_stock_threshold,
    )
