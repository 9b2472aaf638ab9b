"""What the order desk does by the clock."""

import datetime as dt

from apps.orders.services.expiry import expire_unpaid_orders
from core.periodic.registry import every


@every(seconds=30, name="orders.expire_unpaid")
def expire_unpaid(now: dt.datetime) -> None:
    """Orders that were not paid in time are cancelled and their stock is free."""
    expire_unpaid_orders(now=now)
