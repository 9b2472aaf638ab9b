"""Foreign sessions of a shop's database, which take what its visitors need."""

import contextlib
from collections.abc import Iterator

import psycopg

from tests.chaos.services import rows
from tests.running_shop import RunningShop

_STRANGER = "stranger"
_HOLD_STOCK = """
    SELECT stock.id FROM inventory_stock stock JOIN products_productvariant variant ON variant.id = stock.variant_id
    WHERE variant.product_id = %s FOR UPDATE OF stock
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name <> %s
"""
_COUNT_OTHERS = """
    SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> %s
"""


@contextlib.contextmanager
def held_row(shop: RunningShop, product_id: str) -> Iterator[None]:
    """Lock the stock of a product for the time of the block."""
    with psycopg.connect(shop.database_url) as stranger:
        stranger.execute(_HOLD_STOCK, [product_id])
        yield
        stranger.rollback()


def waiting_for_locks(shop: RunningShop) -> int:
    """Return how many sessions wait for a row."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(str(rows(shop.database_url, query)[0][0]))


@contextlib.contextmanager
def all_connections_taken(shop: RunningShop) -> Iterator[None]:
    """A stranger takes every connection there is, also those the shop had."""
    with contextlib.ExitStack() as taken:
        stranger = taken.enter_context(psycopg.connect(shop.database_url, autocommit=True, application_name=_STRANGER))

        def shop_has_none() -> bool:
            stranger.execute(_END_OTHERS, [_STRANGER])
            _take_all(shop, taken)
            left = stranger.execute(_COUNT_OTHERS, [_STRANGER]).fetchone()
            return left == (0,)

        shop.wait_for(shop_has_none)
        yield


def _take_all(shop: RunningShop, taken: contextlib.ExitStack) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            taken.enter_context(psycopg.connect(shop.database_url, autocommit=True, application_name=_STRANGER))
