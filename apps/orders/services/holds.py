"""Holds an order back while somebody looks into it (a dispute, a risky payment): it is neither packed nor sent."""

import datetime as dt

from apps.orders.models import Order
from core.transactions import atomic


def hold_order(*, order: Order, now: dt.datetime) -> None:
    """The order is on hold: until it is released it becomes neither processing nor shipped; cancelling is allowed.

    `order` is locked in the caller's transaction (`lock_order`). Harmless when it is on hold already. What has been
    sent is not called back: a hold on it says only that somebody is looking. One statement.
    """
    _set_hold(order, True, now)


def release_hold(*, order: Order, now: dt.datetime) -> None:
    """The order may be packed and sent again. `order` is locked by the caller. Harmless without a hold. One statement.

    Who releases knows that nothing else holds it: the order keeps one mark, not a count of reasons.
    """
    _set_hold(order, False, now)


def _set_hold(order: Order, on: bool, now: dt.datetime) -> None:
    with atomic():
        if order.is_on_hold is on:
            return
        order.is_on_hold = on
        order.version += 1
        order.save(update_fields=["is_on_hold", "version", "updated_at"])
