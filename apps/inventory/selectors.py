"""Reads of the stock room."""

import uuid
from collections.abc import Iterable

from django.db.models import F, QuerySet

from apps.inventory.models import Stock, StockMovement
from apps.inventory.states import MovementKind


def available_units(variant_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the units of each variant that can still be sold; 0 for one without a stock row. One statement."""
    wanted = list(variant_ids)
    rows = Stock.objects.sold_from().of_variants(wanted).values_list("variant_id", F("on_hand") - F("reserved"))
    return dict.fromkeys(wanted, 0) | dict(rows)


def restocks_of(reference: str) -> QuerySet[StockMovement]:
    """Return the movements by which units came back to the shelf under this reference."""
    return StockMovement.objects.filter(reference=reference, kind=MovementKind.RESTOCK)
