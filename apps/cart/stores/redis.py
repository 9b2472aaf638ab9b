"""Carts in Redis: hash `cart:user:{user_id}` (guests: `cart:guest:{token_hash}`) of variant id → quantity.

Beside it stands `…:meta`, a hash of the cart's id (`id`), a counter (`seq`) and the turn in which each variant was
added. Both live CART_DAYS after the last change. Every change is one script or one MULTI. Scripts touch two keys, so
one Redis (or one shard) holds all carts. What Redis loses is lost: run it with append-only file and `noeviction`.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, WatchError
from redis.retry import Retry

from apps.cart.errors import CartUnavailable
from apps.cart.goods import Goods, load_goods
from apps.cart.owners import CartOwner
from apps.cart.stores import scripts
from apps.cart.stores.base import Added, LeftBehind, StoredCart, StoredLine, TakenCart, TakenLine
from apps.cart.stores.merging import merge_lines
from apps.products.selectors import load_sellable
from core.ids import new_id

TIMEOUT_SECONDS = 1
MERGE_ATTEMPTS = 5
logger = logging.getLogger("shop.cart")


class _Kept(NamedTuple):
    """What the two keys of a cart hold."""

    cart_id: uuid.UUID | None
    lines: dict[uuid.UUID, int]
    last_turn: int

    def item_id(self, variant_id: uuid.UUID) -> uuid.UUID:
        """A line has no id of its own: it follows from the cart's and the variant's."""
        return uuid.uuid5(self.cart_id or variant_id, str(variant_id))


class RedisCartStore:
    """See CartStore. One round trip per call; take() and merge() ask the database as well."""

    prefix: ClassVar[str] = "cart:"

    def __init__(self, url: str) -> None:
        # No retry: a command that timed out may have been carried out, and adding twice is worse than an error.
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._add = self._redis.register_script(scripts.ADD)
        self._set = self._redis.register_script(scripts.SET_QUANTITY)
        self._clear = self._redis.register_script(scripts.CLEAR)
        self._discard = self._redis.register_script(scripts.DISCARD)

    def knows(self, *, owner: CartOwner) -> bool:
        with _reachable():
            return bool(self._redis.exists(self._keys(owner)[1]))

    def read(self, *, owner: CartOwner) -> StoredCart:
        kept = self._load(owner)
        lines = (StoredLine(kept.item_id(key), key, units) for key, units in kept.lines.items())
        return StoredCart(kept.cart_id, tuple(lines))

    def add(self, *, owner: CartOwner, variant_id: uuid.UUID, quantity: int, limit: int, now: dt.datetime) -> Added:
        arguments: list[str | int] = [
            str(variant_id),
            quantity,
            limit,
            settings.CART_MAX_LINES,
            str(new_id()),
            _lifetime(),
        ]
        with _reachable():
            return Added(self._add(keys=self._keys(owner), args=arguments))

    def set_quantity(self, *, owner: CartOwner, variant_id: uuid.UUID, quantity: int, now: dt.datetime) -> bool:
        with _reachable():
            return bool(self._set(keys=self._keys(owner), args=[str(variant_id), quantity, _lifetime()]))

    def clear(self, *, owner: CartOwner, now: dt.datetime) -> None:
        with _reachable():
            self._clear(keys=self._keys(owner), args=[_lifetime()])

    def merge(
        self, *, guest: CartOwner, user: CartOwner, limit_of: Callable[[Goods], int], now: dt.datetime
    ) -> list[LeftBehind]:
        """Watches both carts, reckons, and writes in one MULTI: tried again when either changed meanwhile.

        Raises CartUnavailable when they keep changing.
        """
        for _ in range(MERGE_ATTEMPTS):
            try:
                with _reachable():
                    return self._try_merge(guest, user, limit_of)
            except WatchError:
                continue
        raise CartUnavailable

    def take(self, *, owner: CartOwner) -> TakenCart:
        kept = self._load(owner)
        goods = load_sellable(kept.lines)
        lines = ((key, units, goods[key]) for key, units in kept.lines.items() if key in goods)
        return TakenCart(kept.cart_id, tuple(TakenLine(kept.item_id(key), units, what) for key, units, what in lines))

    def finish(
        self, *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
    ) -> None:
        def empty() -> None:
            try:
                self.discard(owner=owner, cart_id=cart_id, ordered=ordered, now=now)
            except CartUnavailable:
                logger.warning("cart %s was ordered but could not be emptied", cart_id)

        transaction.on_commit(empty)

    def discard(
        self, *, owner: CartOwner, cart_id: uuid.UUID, ordered: Mapping[uuid.UUID, int], now: dt.datetime
    ) -> None:
        arguments: list[str | int] = [str(cart_id), str(new_id()), _lifetime()]
        for variant_id, units in ordered.items():
            arguments += [str(variant_id), units]
        with _reachable():
            self._discard(keys=self._keys(owner), args=arguments)

    def _keys(self, owner: CartOwner) -> list[str]:
        name = f"guest:{owner.token_hash}" if owner.is_guest else f"user:{owner.user_id}"
        return [f"{self.prefix}{name}", f"{self.prefix}{name}:meta"]

    def _load(self, owner: CartOwner) -> _Kept:
        with _reachable(), self._redis.pipeline(transaction=True) as both:
            for key in self._keys(owner):
                both.hgetall(key)
            return _kept(*both.execute())

    def _try_merge(self, guest: CartOwner, user: CartOwner, limit_of: Callable[[Goods], int]) -> list[LeftBehind]:
        guest_keys, user_keys = self._keys(guest), self._keys(user)
        with self._redis.pipeline(transaction=True) as step:
            step.watch(*guest_keys, *user_keys)  # type: ignore[no-untyped-call]
            offered = _kept(*(step.hgetall(key) for key in guest_keys))  # type: ignore[arg-type]
            own = _kept(*(step.hgetall(key) for key in user_keys))  # type: ignore[arg-type]
            goods = load_goods(offered.lines)
            limits = {key: limit_of(what) for key, what in goods.items()}
            merged, left_behind = merge_lines(own.lines, offered.lines, limits)
            cart_id = own.cart_id or new_id()
            step.multi()
            step.delete(*guest_keys)
            if merged:
                _write_lines(step, user_keys, merged, cart_id=cart_id, last_turn=own.last_turn)
            step.execute()
        became = _Kept(cart_id, own.lines | merged, 0)
        return [
            LeftBehind(goods[key], units, became.item_id(key) if key in became.lines else None)
            for key, units in left_behind.items()
            if key in goods
        ]


def _write_lines(
    step: Any, keys: list[str], lines: Mapping[uuid.UUID, int], *, cart_id: uuid.UUID, last_turn: int
) -> None:
    """Queue the lines of a merge; those that are new take the next turns."""
    lines_key, meta_key = keys
    step.hset(lines_key, mapping={str(key): units for key, units in lines.items()})
    step.hsetnx(meta_key, "id", str(cart_id))
    for turn, key in enumerate(lines, start=last_turn + 1):
        step.hsetnx(meta_key, str(key), turn)
    step.hset(meta_key, "seq", last_turn + len(lines))
    for name in keys:
        step.pexpire(name, _lifetime())


@contextmanager
def _reachable() -> Iterator[None]:
    """Turn every failure of Redis into CartUnavailable (503); a lost race (WatchError) is none."""
    try:
        yield
    except WatchError:
        raise
    except RedisError as error:
        logger.warning("the cart store does not answer: %s", error)
        raise CartUnavailable from error


def _kept(lines: dict[str, str], meta: dict[str, str]) -> _Kept:
    """Read a cart's two keys; lines in the order they were added."""
    if "id" not in meta:
        return _Kept(None, {}, 0)
    ordered = sorted(lines.items(), key=lambda line: int(meta.get(line[0], 0)))
    return _Kept(uuid.UUID(meta["id"]), {uuid.UUID(key): int(units) for key, units in ordered}, int(meta.get("seq", 0)))


def _lifetime() -> int:
    return settings.CART_DAYS * 86_400_000
