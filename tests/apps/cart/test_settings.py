"""Contradictions in the settings stop the start."""

from apps.cart.checks import check_cart_store
from apps.cart.stores.database import DatabaseCartStore
from apps.cart.stores.redis import RedisCartStore
from apps.cart.stores.registry import cart_store


def test_carts_are_kept_in_the_database_unless_told_otherwise(settings):
    assert settings.CART_STORE == "database"
    assert isinstance(cart_store(), DatabaseCartStore)
    assert check_cart_store(None) == []


def test_redis_carts_need_a_redis(settings):
    settings.CART_STORE, settings.REDIS_URL = "redis", ""
    assert [error.id for error in check_cart_store(None)] == ["cart.E002"]
    settings.REDIS_URL = "redis://127.0.0.1:6379/2"
    assert check_cart_store(None) == []
    assert isinstance(cart_store(), RedisCartStore)
    assert cart_store() is cart_store()


def test_a_store_nobody_wrote_is_refused(settings):
    settings.CART_STORE = "memory"
    assert [error.id for error in check_cart_store(None)] == ["cart.E001"]
