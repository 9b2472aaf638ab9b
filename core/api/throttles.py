"""Rate limits that admit exactly what they say: one atomic step in Redis, or under a lock in this process.

DRF's own throttle reads, then writes: a hundred requests at once pass a limit of ten. The `limits` library counts and
compares in one step. Without Redis the count is per process; when Redis fails the same limits hold per process, and
Redis is let alone for some seconds: a frozen one would make every request wait.
"""

import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.api.errors import Throttled
from core.networks import network_of_address, trusted_address

if TYPE_CHECKING:
    from rest_framework.views import APIView

STORE_SECONDS = 0.5  # the longest any one question to Redis takes
STORE_REST_SECONDS = 5.0
logger = logging.getLogger("shop.throttles")


def check(scope: str, key: str) -> None:
    """Count one attempt of `key` in `scope`. Raises Throttled (429 with Retry-After and RateLimit headers) when it is
    one too many. Counted before the work it protects."""
    if not settings.THROTTLE_ENABLED:
        return
    limit = parse_rate(settings.THROTTLE_RATES[scope])
    admitted, remaining, reset = _count(limit, scope, key)
    if admitted:
        return
    raise Throttled(
        "Too many requests. Please slow down.",
        retry_after_seconds=reset,
        headers=limit_headers(scope, limit, remaining, reset),
    )


def limit_headers(scope: str, limit: RateLimitItem, remaining: int, reset_seconds: int) -> dict[str, str]:
    """Return RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) for one limit."""
    return {
        "RateLimit-Policy": f'"{scope}";q={limit.amount};w={limit.get_expiry()}',
        "RateLimit": f'"{scope}";r={max(0, remaining)};t={reset_seconds}',
    }


def network_of(request: HttpRequest | Request) -> str:
    """Return the caller's network: an IPv4 address, or the /64 of an IPv6 address."""
    return network_of_address(client_address(request))


def client_address(request: HttpRequest | Request) -> str:
    """Return the address the request came from, as far as it can be trusted."""
    forwarded_for = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    return trusted_address(forwarded_for=forwarded_for, remote=str(request.META.get("REMOTE_ADDR", "")))


@cache
def parse_rate(rate: str) -> RateLimitItem:
    """Return a limit such as "10/minute". Raises ValueError for anything else."""
    return parse(rate)


class ScopedThrottle(BaseThrottle):
    """Counts a request against the view's `throttle_scope`, per signed-in user or else per network."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if settings.THROTTLE_ENABLED:
            user_id = getattr(request.user, "pk", None)
            check(
                getattr(view, "throttle_scope", "default"),
                f"user:{user_id}" if user_id else network_of(request),
            )
        return True


def _count(limit: RateLimitItem, scope: str, key: str) -> tuple[bool, int, int]:
    """Count and return (admitted, remaining, seconds until the window ends)."""
    url = settings.REDIS_URL
    if url and time.monotonic() >= _rests_until.get(url, 0.0):
        try:
            return _count_in(_limiter(url), limit, scope, key)
        except Exception:
            _rests_until[url] = time.monotonic() + STORE_REST_SECONDS
            logger.warning("the throttle store is away; counting in this process", exc_info=True)
    return _count_in(_limiter(""), limit, scope, key)


def _count_in(limiter: FixedWindowRateLimiter, limit: RateLimitItem, scope: str, key: str) -> tuple[bool, int, int]:
    if limiter.hit(limit, scope, key):
        return True, limit.amount, 0
    stats = limiter.get_window_stats(limit, scope, key)
    return False, stats.remaining, max(1, int(stats.reset_time - time.time()) + 1)


def _limiter(redis_url: str) -> FixedWindowRateLimiter:
    """Return the one limiter of a store. Under a lock: two made at once would each admit the full rate."""
    with _limiters_lock:
        if redis_url not in _limiters:
            _limiters[redis_url] = _make_limiter(redis_url)
        return _limiters[redis_url]


_limiters: dict[str, FixedWindowRateLimiter] = {}
_limiters_lock = threading.Lock()
_rests_until: dict[str, float] = {}


def _make_limiter(redis_url: str) -> FixedWindowRateLimiter:
    if not redis_url:
        return FixedWindowRateLimiter(MemoryStorage())
    storage: Storage = RedisStorage(
        redis_url,
        wrap_exceptions=False,
        socket_timeout=STORE_SECONDS,
        socket_connect_timeout=STORE_SECONDS,
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # the client would ask a frozen store four times
        key_prefix="shop-limits",
    )
    return FixedWindowRateLimiter(storage)
