"""What lies on the shelf: set and adjusted by people and imports, every change in the ledger."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping

from django.conf import settings

from apps.accounts.models import User
from apps.inventory.errors import StockIsReserved
from apps.inventory.locks import LockedStock, lock_stock
from apps.inventory.models import Stock, StockLocation, StockMovement
from apps.inventory.services.changing import Cause, StockChange, announce, apply_changes, write_movements
from apps.inventory.states import MovementKind
from core.errors import FieldError, InvalidInput
from core.transactions import atomic

MAX_UNITS = 1_000_000_000  # of one variant; far below what the column holds, so that sums fit too


def set_available(
    *,
    variant_id: uuid.UUID,
    quantity: int,
    kind: MovementKind = MovementKind.ADJUST,
    reason: str,
    reference: str = "",
    actor: User | None = None,
    now: dt.datetime,
) -> Stock:
    """Make `quantity` units of a variant available for sale (on top of what is reserved) and return its stock row.

    The row is made if the variant has none; the ledger notes the difference, if any. Raises InvalidInput unless
    0 <= quantity <= MAX_UNITS. Locks the row. Publishes StockRanLow.
    """
    set_many_available({variant_id: quantity}, kind=kind, reason=reason, reference=reference, actor=actor, now=now)
    return Stock.objects.sold_from().get(variant_id=variant_id)


def open_stock(*, variant_id: uuid.UUID, quantity: int, reason: str, actor: User | None = None) -> None:
    """Put `quantity` units of a variant on the shelf that was made in this very transaction.

    Nobody else can know the variant, so nothing is locked, and its product's news tell of the stock too. Two
    statements (the ledger has no line for 0 units), more in a shop without a location. Raises InvalidInput.
    """
    _refuse_impossible(quantity)
    row = Stock(variant_id=variant_id, on_hand=quantity, low_stock_threshold=settings.LOW_STOCK_THRESHOLD)
    with atomic():
        row.location = _default_location()
        row.save(force_insert=True)
        if quantity:
            StockMovement(stock=row, kind=MovementKind.ADJUST, quantity=quantity, reason=reason, actor=actor).save(
                force_insert=True
            )


def set_many_available(
    rows: Mapping[uuid.UUID, int],
    *,
    kind: MovementKind = MovementKind.ADJUST,
    reason: str,
    reference: str = "",
    actor: User | None = None,
    now: dt.datetime,
) -> int:
    """Do set_available() for many variants (variant id → units) at once; return how many stock rows changed.

    Three statements, two more when stock rows are missing; rows are locked in pk order.
    """
    for quantity in rows.values():
        _refuse_impossible(quantity)
    with atomic():
        locked = _lock_or_create(rows)
        changes = [StockChange(row, on_hand=rows[row.variant_id] - row.available) for row in locked]
        return _write(changes, Cause(kind=kind, reason=reason, reference=reference, actor=actor), now=now)


def adjust_stock(
    *,
    variant_id: uuid.UUID,
    delta: int,
    kind: MovementKind = MovementKind.ADJUST,
    reason: str,
    reference: str = "",
    actor: User | None = None,
    now: dt.datetime,
) -> Stock:
    """Add `delta` units of a variant (negative takes away) and return its stock row.

    Raises StockIsReserved when fewer units would be left than orders are promised, InvalidInput when more than
    MAX_UNITS would be available. Locks the row; the ledger notes the movement. Publishes StockRanLow.
    """
    with atomic():
        [row] = _lock_or_create([variant_id])
        if row.available + delta < 0:
            raise StockIsReserved(f"Only {row.available} units are not promised to an order.", available=row.available)
        _refuse_impossible(row.available + delta)
        cause = Cause(kind=kind, reason=reason, reference=reference, actor=actor)
        _write([StockChange(row, on_hand=delta)], cause, now=now)
    return Stock.objects.sold_from().get(variant_id=variant_id)


def _write(changes: list[StockChange], cause: Cause, *, now: dt.datetime) -> int:
    real = [change for change in changes if change.on_hand]
    if not real:
        return 0
    if not apply_changes(real, now=now):
        raise StockIsReserved
    write_movements(real, cause)
    announce(real)
    return len(real)


def _refuse_impossible(quantity: int) -> None:
    if not 0 <= quantity <= MAX_UNITS:
        detail = f"Must be between 0 and {MAX_UNITS}."
        raise InvalidInput(detail, errors=(FieldError("stock_quantity", "out_of_range", detail),))


def _lock_or_create(variant_ids: Collection[uuid.UUID]) -> list[LockedStock]:
    rows = lock_stock(variant_ids)
    missing = set(variant_ids) - {row.variant_id for row in rows}
    if not missing:
        return rows
    _create_rows(missing)
    return lock_stock(variant_ids)


def _create_rows(variant_ids: Collection[uuid.UUID]) -> None:
    """Make empty stock rows; one that another transaction makes at the same time is taken as made."""
    location = _default_location()
    Stock.objects.bulk_create(
        (
            Stock(variant_id=variant_id, location=location, low_stock_threshold=settings.LOW_STOCK_THRESHOLD)
            for variant_id in sorted(variant_ids)  # two that make the same rows wait for, not on, each other
        ),
        ignore_conflicts=True,
    )


def _default_location() -> StockLocation:
    found = StockLocation.objects.filter(is_default=True).first()
    if found is not None:
        return found
    made, _ = StockLocation.objects.get_or_create(code="main", defaults={"name": "Main", "is_default": True})
    return made
