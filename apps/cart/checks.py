"""Contradictions in the cart's settings, found before the first customer does."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.cart.stores.registry import STORE_NAMES


@register("settings")
def check_cart_store(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The named store exists and has what it needs."""
    if settings.CART_STORE not in STORE_NAMES:
        names = ", ".join(sorted(STORE_NAMES))
        return [Error(f"CART_STORE={settings.CART_STORE!r} is not one of {names}.", id="cart.E001")]
    if settings.CART_STORE == "redis" and not settings.REDIS_URL:
        hint = "Set REDIS_URL, or leave carts in the database with CART_STORE=database."
        return [Error("CART_STORE=redis needs REDIS_URL.", hint=hint, id="cart.E002")]
    return []
