"""Promises to orders: reserve at checkout, commit when it ships, release when it will not, restock when it came back.

`reference` names the promise ("order:<id>"). Everything but reserve() and release_part() may be called twice and does
nothing then. The acts of one reference queue at whatever it names: callers hold the order's lock.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from django.db.models import Exists, F, Q

from apps.accounts.models import User
from apps.inventory.errors import OutOfStock
from apps.inventory.locks import LockedStock, lock_reserved_stock, lock_stock
from apps.inventory.models import Reservation
from apps.inventory.selectors import restocks_of
from apps.inventory.services.changing import Cause, StockChange, announce, apply_changes, write_movements
from apps.inventory.states import MovementKind, ReservationState
from core.transactions import atomic


class StockDrift(RuntimeError):
    """The figures contradict each other: a bug of ours. Nothing is changed; see `manage.py verify_invariants`."""


def reserve(*, reference: str, demand: Mapping[uuid.UUID, int], now: dt.datetime) -> None:
    """Promise units to a reference: `demand` is variant id → units (at least 1). All of them, or none.

    Raises OutOfStock with every short line in `extra["shortages"]`; the caller's transaction is then rolled back.
    Locks the stock rows in pk order until the transaction ends. Publishes StockRanLow. Three statements.
    """
    _require_units(demand)
    if not demand:
        return
    with atomic():
        rows = lock_stock(demand)
        _refuse_shortages(rows, demand)
        changes = [StockChange(row, reserved=demand[row.variant_id]) for row in rows]
        if not apply_changes(changes, now=now):
            raise _out_of_stock(rows, demand)
        _open_reservations(changes, reference=reference, now=now)
        announce(changes)


def release(*, reference: str, now: dt.datetime) -> int:
    """Give what a reference still holds back to the shelf; return how many reservations that were. Three statements.

    Locks the stock rows in pk order. Harmless when nothing is held.
    """
    with atomic():
        held = lock_reserved_stock(reference)
        if not _move(held, reference=reference, to=ReservationState.RELEASED, now=now):
            return 0
        changes = [StockChange(row, reserved=-quantity) for row, quantity in held]
        _apply_or_fail(changes, now=now)
        announce(changes)
        return len(held)


def release_part(*, reference: str, demand: Mapping[uuid.UUID, int], now: dt.datetime) -> None:
    """Give some of what a reference holds back to the shelf: `demand` is variant id → units (at least 1).

    A reservation of which nothing is left is released. Locks the stock rows in pk order. Raises StockDrift, with
    nothing changed, when the reference does not hold that much.
    """
    _require_units(demand)
    with atomic():
        rows = [row for row, _ in lock_reserved_stock(reference) if row.variant_id in demand]
        if len(rows) < len(demand):
            raise StockDrift(f"{reference} holds {len(rows)} of the {len(demand)} variants to be released")
        changes = [StockChange(row, reserved=-demand[row.variant_id]) for row in rows]
        for change in changes:
            _shrink(change, reference=reference, now=now)
        _apply_or_fail(changes, now=now)
        announce(changes)


def reopen(*, reference: str, now: dt.datetime) -> bool:
    """Promise again what a reference had released: all of it, or return False with nothing changed.

    False as well when nothing of it was released, or it was reopened before. Locks the stock rows in pk order.
    Publishes StockRanLow. Three statements.
    """
    released = ReservationState.RELEASED
    with atomic():
        once_held = lock_reserved_stock(reference, state=released)
        if any(row.available < quantity for row, quantity in once_held):
            return False
        if not _move(once_held, reference=reference, start=released, to=ReservationState.OPEN, now=now):
            return False
        changes = [StockChange(row, reserved=quantity) for row, quantity in once_held]
        _apply_or_fail(changes, now=now)
        announce(changes)
        return True


def commit(*, reference: str, actor: User | None = None, now: dt.datetime) -> int:
    """Let what a reference holds leave the house; return how many reservations that were. Four statements.

    `on_hand` and `reserved` fall together, and the ledger notes a SHIP. Locks the stock rows in pk order.
    Harmless when nothing is held.
    """
    with atomic():
        held = lock_reserved_stock(reference)
        if not _move(held, reference=reference, to=ReservationState.COMMITTED, now=now):
            return 0
        changes = [StockChange(row, on_hand=-quantity, reserved=-quantity) for row, quantity in held]
        _apply_or_fail(changes, now=now)
        write_movements(changes, Cause(kind=MovementKind.SHIP, reference=reference, actor=actor))
        return len(held)


def restock(
    *, reference: str, demand: Mapping[uuid.UUID, int], actor: User | None = None, reason: str, now: dt.datetime
) -> int:
    """Put returned units back on the shelf; return how many stock rows grew. Three statements.

    Nothing happens when the ledger already holds a RESTOCK of this reference: the UPDATE itself asks, once the stock
    rows are locked. Locks them in pk order.
    """
    _require_units(demand)
    if not demand:
        return 0
    with atomic():
        rows = lock_stock(demand)
        changes = [StockChange(row, on_hand=demand[row.variant_id]) for row in rows]
        if not apply_changes(changes, now=now, only_if=Q(~Exists(restocks_of(reference)))):
            if restocks_of(reference).exists():
                return 0
            raise _drift(changes)
        write_movements(changes, Cause(kind=MovementKind.RESTOCK, reason=reason, reference=reference, actor=actor))
        announce(changes)
        return len(changes)


def _require_units(demand: Mapping[uuid.UUID, int]) -> None:
    if any(quantity < 1 for quantity in demand.values()):
        raise ValueError("stock moves by one unit at least")


def _refuse_shortages(rows: Sequence[LockedStock], demand: Mapping[uuid.UUID, int]) -> None:
    if len(rows) < len(demand) or any(row.available < demand[row.variant_id] for row in rows):
        raise _out_of_stock(rows, demand)


def _out_of_stock(rows: Sequence[LockedStock], demand: Mapping[uuid.UUID, int]) -> OutOfStock:
    available = {row.variant_id: row.available for row in rows}
    shortages = [
        {"variant_id": str(variant_id), "requested": quantity, "available": available.get(variant_id, 0)}
        for variant_id, quantity in demand.items()
        if available.get(variant_id, 0) < quantity
    ]
    return OutOfStock(shortages=shortages)


def _open_reservations(changes: Sequence[StockChange], *, reference: str, now: dt.datetime) -> None:
    Reservation.objects.bulk_create(
        Reservation(stock_id=change.row.id, reference=reference, quantity=change.reserved, created_at=now)
        for change in changes
    )


def _move(
    rows: Sequence[tuple[LockedStock, int]],
    *,
    reference: str,
    start: ReservationState = ReservationState.OPEN,
    to: ReservationState,
    now: dt.datetime,
) -> bool:
    """Move the reservations from one state to another; return False when there are none, or somebody was faster."""
    if not rows:
        return False
    closed_at = None if to == ReservationState.OPEN else now
    moved = Reservation.objects.filter(reference=reference, state=start).update(state=to, closed_at=closed_at)
    if moved not in (0, len(rows)):
        raise StockDrift(f"{reference} has {len(rows)} {start} reservations, but {moved} became {to}")
    return moved > 0


def _shrink(change: StockChange, *, reference: str, now: dt.datetime) -> None:
    """Take the change's units off an open reservation. A reservation of nothing is not kept: it is released whole."""
    units = -change.reserved
    held = Reservation.objects.filter(reference=reference, stock_id=change.row.id, state=ReservationState.OPEN)
    shrunk = held.filter(quantity__gt=units).update(quantity=F("quantity") - units)
    shrunk = shrunk or held.filter(quantity=units).update(state=ReservationState.RELEASED, closed_at=now)
    if not shrunk:
        raise StockDrift(f"{reference} holds fewer than {units} units of stock row {change.row.id}")


def _apply_or_fail(changes: Sequence[StockChange], *, now: dt.datetime) -> None:
    if not apply_changes(changes, now=now):
        raise _drift(changes)


def _drift(changes: Sequence[StockChange]) -> StockDrift:
    return StockDrift(f"stock rows do not hold what their reservations say: {[change.row.id for change in changes]}")
