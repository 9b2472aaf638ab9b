"""Row locks of the stock room: always in primary-key order, and stock rows only (docs/algorithms/locking.md)."""

import dataclasses
import uuid
from collections.abc import Iterable

from apps.inventory.models import Stock
from apps.inventory.states import ReservationState

_COLUMNS = (
    "id",
    "variant_id",
    "on_hand",
    "reserved",
    "low_stock_threshold",
    "variant__product_id",
    "variant__product__seller_id",
)


@dataclasses.dataclass(frozen=True, slots=True)
class LockedStock:
    """A stock row as it was when its lock was taken; nobody else changes it before this transaction ends."""

    id: uuid.UUID
    variant_id: uuid.UUID
    on_hand: int
    reserved: int
    low_stock_threshold: int
    product_id: uuid.UUID
    seller_id: uuid.UUID

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


def lock_stock(variant_ids: Iterable[uuid.UUID]) -> list[LockedStock]:
    """Lock and return the stock rows of these variants, in pk order; one without a row is left out. One statement."""
    rows = Stock.objects.sold_from().of_variants(variant_ids).order_by("id").select_for_update(of=("self",))
    return [LockedStock(*row) for row in rows.values_list(*_COLUMNS)]


def lock_reserved_stock(
    reference: str, *, state: ReservationState = ReservationState.OPEN
) -> list[tuple[LockedStock, int]]:
    """Lock the stock rows that a reference has reservations of, in pk order, with the units of each. One statement.

    Those it holds, unless another `state` is asked for.
    The reservations themselves are not locked: who waited for a stock row may be shown one that was closed meanwhile,
    so it is the conditional UPDATE of the reservations that decides.
    """
    rows = (
        Stock.objects.filter(reservations__reference=reference, reservations__state=state)
        .order_by("id")
        .select_for_update(of=("self",))
        .values_list(*_COLUMNS, "reservations__quantity")
    )
    return [(LockedStock(*row[:-1]), row[-1]) for row in rows]
