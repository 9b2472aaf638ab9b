"""Which change counters the catalogue's cached answers hang on (see core.changes and the ADR on catalogue caching)."""

import uuid

from core.changes import counters, slot

CATALOGUE_SLOT: int = slot("catalogue")  # which products a list holds, and in which order
CATEGORIES_SLOT: int = slot("categories")  # the tree: names, slugs, places


def product_slot(product_id: uuid.UUID | str) -> int:
    """Return the slot of everything one product shows: its text, prices, pictures and stock."""
    return slot("product", product_id)


def announce_product_change(*product_ids: uuid.UUID) -> None:
    """After the transaction has committed, make stale what was cached about these products and every list."""
    counters().bump_on_commit([CATALOGUE_SLOT, *map(product_slot, product_ids)])


def announce_category_change() -> None:
    """After the transaction has committed, make stale every list and everything that names a category."""
    counters().bump_on_commit([CATALOGUE_SLOT, CATEGORIES_SLOT])
