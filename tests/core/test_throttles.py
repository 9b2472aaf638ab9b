"""Limits admit exactly what they say, however many arrive at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from core.api import throttles
from core.api.errors import Throttled
from core.ids import new_id
from tests.core import broker_kit


def admitted_of(count: int, key: str) -> int:
    """Return how many of `count` simultaneous attempts pass."""
    barrier = threading.Barrier(20)

    def attempt(number: int) -> bool:
        if number < 20:
            barrier.wait()
        try:
            throttles.check("login", key)
        except Throttled:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        return sum(pool.map(attempt, range(count)))


@pytest.fixture
def _ten_a_minute(settings: LazySettings) -> None:
    settings.THROTTLE_ENABLED = True
    settings.THROTTLE_RATES = {"login": "10/minute"}
    settings.REDIS_URL = ""


@pytest.mark.usefixtures("_ten_a_minute")
def test_a_hundred_at_once_pass_a_limit_of_ten_exactly_ten_times() -> None:
    assert admitted_of(100, str(new_id())) == 10


@pytest.mark.redis
@pytest.mark.usefixtures("_ten_a_minute")
def test_the_same_holds_in_redis(settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:6379/1"
    assert admitted_of(100, str(new_id())) == 10


@pytest.mark.usefixtures("_ten_a_minute")
def test_without_its_redis_the_limit_still_holds_in_this_process(settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert admitted_of(100, str(new_id())) == 10


@pytest.mark.usefixtures("_ten_a_minute")
def test_a_frozen_redis_is_waited_for_once_and_then_let_alone(settings: LazySettings) -> None:
    frozen, key = broker_kit.Frozen(), str(new_id())
    settings.REDIS_URL = f"redis://127.0.0.1:{frozen.port}/0"
    begun = time.monotonic()
    for _ in range(10):
        throttles.check("login", key)
    with pytest.raises(Throttled):
        throttles.check("login", key)
    assert time.monotonic() - begun < 4 * throttles.STORE_SECONDS
    frozen.close()


@pytest.mark.usefixtures("_ten_a_minute")
def test_a_refusal_says_when_to_come_back() -> None:
    key = str(new_id())
    for _ in range(10):
        throttles.check("login", key)
    with pytest.raises(Throttled) as refusal:
        throttles.check("login", key)
    assert 1 <= (refusal.value.retry_after_seconds or 0) <= 61
    assert refusal.value.extra["headers"]["RateLimit-Policy"] == '"login";q=10;w=60'
    assert refusal.value.extra["headers"]["RateLimit"].startswith('"login";r=0;t=')


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_forwarded_addresses_are_believed_only_from_known_proxies(
    settings: LazySettings, proxies: int, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})
    assert throttles.client_address(request) == expected


def test_an_ipv6_caller_is_counted_by_its_network() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:2:3:4:5:6")
    assert throttles.network_of(request) == "2001:db8:1:2::/64"
