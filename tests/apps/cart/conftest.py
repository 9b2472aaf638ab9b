"""Where the carts of a test are kept: in the database, unless it is run over BOTH stores."""

from collections.abc import Iterator

import pytest

from tests.apps.cart.redis_store import own_keys, redis_url


@pytest.fixture(autouse=True)
def cart_store(request: pytest.FixtureRequest, settings) -> Iterator[str]:
    settings.CART_STORE = getattr(request, "param", "database")
    if settings.CART_STORE == "database":
        yield settings.CART_STORE
        return
    settings.REDIS_URL = redis_url()
    with own_keys():
        yield settings.CART_STORE
