"""Carts end: open ones some time after their last change, ordered ones when nobody asks for them any more.

Redis carts expire by themselves; this is about the database.
"""

import datetime as dt

from django.conf import settings
from django.db.models import Q

from apps.cart.models import Cart
from core.transactions import atomic

ORDERED_DAYS = 90  # an ordered cart still makes its guest's token known
BATCH = 500


def delete_old_carts(*, now: dt.datetime) -> int:
    """Carts untouched for CART_DAYS, and carts ordered ORDERED_DAYS ago, are gone. Returns how many.

    Works in batches of BATCH rows, each in its own transaction; a cart in use at the moment is left for next time.
    """
    untouched = Q(ordered_at=None, updated_at__lt=now - dt.timedelta(days=settings.CART_DAYS))
    ordered = Q(ordered_at__lt=now - dt.timedelta(days=ORDERED_DAYS))
    return sum(_delete_all(condition) for condition in (untouched, ordered))


def _delete_all(condition: Q) -> int:
    total = 0
    while deleted := _delete_batch(condition):
        total += deleted
    return total


def _delete_batch(condition: Q) -> int:
    """Four statements. The rows are locked first, so nobody can add to a cart that is about to go."""
    with atomic():
        carts = Cart.objects.select_for_update(of=("self",), skip_locked=True).filter(condition)
        ids = list(carts.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if ids:
            Cart.objects.filter(pk__in=ids).delete()
    return len(ids)
