"""Which store settings.CART_STORE names. Checked at start-up (apps/cart/checks.py)."""

from functools import cache

from django.conf import settings

from apps.cart.stores.base import CartStore
from apps.cart.stores.database import DatabaseCartStore
from apps.cart.stores.redis import RedisCartStore

STORE_NAMES = frozenset({"database", "redis"})
_database = DatabaseCartStore()


def cart_store() -> CartStore:
    """Return the shop's cart store."""
    return _redis(settings.REDIS_URL) if settings.CART_STORE == "redis" else _database


@cache
def _redis(url: str) -> RedisCartStore:
    """One store, and so one pool of connections, per process."""
    return RedisCartStore(url)
