"""What the worker does for carts from time to time."""

import datetime as dt

from apps.cart.services.expiry import delete_old_carts
from core.periodic.registry import every


@every(seconds=3600, name="cart.delete_old_carts")
def sweep(now: dt.datetime) -> None:
    """Delete carts nobody has touched for CART_DAYS, and ordered ones after their days of grace."""
    delete_old_carts(now=now)
