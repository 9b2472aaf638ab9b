"""Goods remembered by this process, so that showing a cart asks the database for its lines and nothing else.

What is remembered is dropped at once when its product or its stock changes on this machine (core.changes), and after
settings.CATALOGUE_CACHE_SECONDS whatever happens: the bound for changes made on other machines; 0 remembers nothing.
A cart only shows figures. Whoever refuses a customer asks the database first, and an order is priced from the database.
"""

import time
import uuid
from collections.abc import Collection
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from apps.cart.goods import Goods, load_default_goods, load_goods
from apps.products.changes import product_slot
from core.changes import counters, values_in


class _Remembered(NamedTuple):
    goods: Goods
    slot: int
    changes: int
    loaded_at: float


_by_variant: dict[uuid.UUID, _Remembered] = {}
_by_product: dict[uuid.UUID, _Remembered] = {}  # the variant an add without `variant_id` means


def goods_of(variant_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Goods]:
    """Return the variants that exist, by id. One statement at most, none when all are remembered.

    When one has to be loaded, those that would be due soon are loaded with it: one statement now, not one each later.
    """
    if not _may_remember():
        return load_goods(variant_ids)
    fresh = _fresh(_by_variant, variant_ids, settings.CATALOGUE_CACHE_SECONDS)
    if len(fresh) == len(variant_ids):
        return fresh
    fresh = _fresh(_by_variant, variant_ids, settings.CATALOGUE_CACHE_SECONDS / 2)
    snapshot, now = counters().snapshot(), time.monotonic()
    loaded = load_goods([key for key in variant_ids if key not in fresh])
    for goods in loaded.values():
        _remember(goods, goods.is_default, snapshot, now)
    return fresh | loaded


def default_goods_of(product_id: uuid.UUID) -> Goods | None:
    """Return the variant that is meant when a product is put into a cart. One statement at most."""
    if not _may_remember():
        return load_default_goods(product_id)
    if fresh := _fresh(_by_product, (product_id,), settings.CATALOGUE_CACHE_SECONDS):
        return fresh[product_id]
    snapshot, now = counters().snapshot(), time.monotonic()
    goods = load_default_goods(product_id)
    if goods is not None:
        _remember(goods, True, snapshot, now)
    return goods


def forget_all() -> None:
    """Remember nothing of what was."""
    _by_variant.clear()
    _by_product.clear()


def _may_remember() -> bool:
    """Inside a transaction one must see its own changes, which nobody else may be shown yet."""
    return settings.CATALOGUE_CACHE_SECONDS > 0 and not connection.in_atomic_block


def _fresh(known: dict[uuid.UUID, _Remembered], keys: Collection[uuid.UUID], seconds: float) -> dict[uuid.UUID, Goods]:
    """Return what is remembered of these keys, younger than `seconds` and unchanged since."""
    oldest = time.monotonic() - seconds
    young = {key: entry for key in keys if (entry := known.get(key)) and entry.loaded_at > oldest}
    changes = counters().read([entry.slot for entry in young.values()])
    pairs = zip(young.items(), changes, strict=True)
    return {key: entry.goods for (key, entry), count in pairs if entry.changes == count}


def _remember(goods: Goods, is_default: bool, snapshot: bytes, now: float) -> None:
    """Note the goods with the counter as it stood before they were read: a change since then makes them stale."""
    slot = product_slot(goods.product_id)
    entry = _Remembered(goods, slot, values_in(snapshot, (slot,))[0], now)
    _put(_by_variant, goods.variant_id, entry)
    if is_default:
        _put(_by_product, goods.product_id, entry)


def _put(known: dict[uuid.UUID, _Remembered], key: uuid.UUID, entry: _Remembered) -> None:
    if len(known) >= settings.CATALOGUE_CACHE_ENTRIES:
        known.clear()
    known[key] = entry
