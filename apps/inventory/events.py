"""News from the stock room."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class StockRanLow(Event):
    """Available units of a variant fell from above its threshold to the threshold or below. Ids are text."""

    name: ClassVar[str] = "inventory.stock_ran_low"

    variant_id: str
    product_id: str
    seller_id: str
    available: int
    threshold: int

    @property
    def aggregate_id(self) -> str:
        return self.variant_id
