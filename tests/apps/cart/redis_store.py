"""A Redis cart store for tests: a database of its own, keys of its own, which are removed afterwards."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from apps.cart.stores.redis import RedisCartStore

# Not the database REDIS_URL names: there the cache lives, and clearing a Django cache flushes its database.
DATABASE = 2
BOTH = pytest.mark.parametrize(
    "cart_store", ["database", pytest.param("redis", marks=pytest.mark.redis)], indirect=True
)
ONLY_REDIS = pytest.mark.parametrize("cart_store", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)


def redis_url() -> str:
    return urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{DATABASE}").geturl()


@contextmanager
def own_keys() -> Iterator[str]:
    """Carts of this test live below a prefix of their own for a while."""
    prefix, RedisCartStore.prefix = RedisCartStore.prefix, f"test-{uuid.uuid4()}:cart:"
    try:
        yield RedisCartStore.prefix
    finally:
        server = RedisCartStore(redis_url())._redis
        for key in server.scan_iter(match=f"{RedisCartStore.prefix}*"):
            server.delete(key)
        RedisCartStore.prefix = prefix


@contextmanager
def redis_store() -> Iterator[RedisCartStore]:
    with own_keys():
        yield RedisCartStore(redis_url())
