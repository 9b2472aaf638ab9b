"""Who watches the stock of which products, and what they were told of it."""

import uuid
from collections.abc import Mapping

from apps.live.clients import Client
from apps.live.messages import compose

WATCHED_MAX = 5_000  # products of all clients of one process: a bound on what a second's look costs

Stock = Mapping[uuid.UUID, Mapping[uuid.UUID, int]]


class StockBoard:
    """Stock is a state, not news: who has no room now is told the state of later."""

    def __init__(self) -> None:
        self._watchers: dict[uuid.UUID, set[Client]] = {}

    @property
    def product_ids(self) -> list[uuid.UUID]:
        return list(self._watchers)

    def watch(self, client: Client, product_ids: frozenset[uuid.UUID]) -> bool:
        """Let the client watch these products instead of those before; False, and nothing done, when there are too
        many on the board."""
        if len(self._watchers.keys() | product_ids) > WATCHED_MAX:
            return False
        self.leave(client)
        client.told_stock = {}
        for product_id in product_ids:
            self._watchers.setdefault(product_id, set()).add(client)
        return True

    def leave(self, client: Client) -> None:
        """Take the client off the board."""
        for product_id in [key for key, watchers in self._watchers.items() if client in watchers]:
            self._watchers[product_id].discard(client)
            if not self._watchers[product_id]:
                del self._watchers[product_id]

    def tell(self, stock: Stock) -> None:
        """Tell every watcher what is different from what they were told. A variant that went off sale has none left."""
        for product_id, units in stock.items():
            for client in self._watchers.get(product_id, ()):
                _tell_one(client, product_id, units)


def _tell_one(client: Client, product_id: uuid.UUID, units: Mapping[uuid.UUID, int]) -> None:
    told = client.told_stock.setdefault(product_id, {})
    for variant_id in [*units, *(gone for gone in told if gone not in units)]:
        available = units.get(variant_id, 0)
        if told.get(variant_id) != available and client.has_room:
            client.tell(_message(product_id, variant_id, available))
            told[variant_id] = available


def _message(product_id: uuid.UUID, variant_id: uuid.UUID, available: int) -> str:
    return compose("stock", product_id=product_id, variant_id=variant_id, in_stock=available > 0, available=available)
