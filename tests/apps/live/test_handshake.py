"""From which pages and under which names a browser may connect; how often a client may speak."""

from typing import Any

import pytest
from django.conf import LazySettings

from apps.live import limits
from apps.live.limits import MESSAGES_AT_ONCE, Allowance
from apps.live.routing import may_connect, network_of


def handshake(host: str = "shop.example.com", origin: str | None = None) -> dict[str, Any]:
    headers = [(b"Host", host.encode())]
    return {"headers": headers + ([(b"origin", origin.encode())] if origin is not None else [])}


@pytest.fixture(autouse=True)
def _shop(settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["shop.example.com", "127.0.0.1"]
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example.com"]
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.STOREFRONT_URL = "https://store.example.com/shop"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://shop.example.com",
        "https://front.example.com",
        "https://store.example.com",
        "http://127.0.0.1:8000",
    ],
)
def test_pages_of_the_shop_and_its_fronts_may_connect(origin: str | None) -> None:
    assert may_connect(handshake(origin=origin))


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "https://shop.example.com.evil.example",
        "https://shop.example.com:8443",
        "http://127.0.0.1:8001",
        "http://front.example.com",
        "null",
        "",
    ],
)
def test_pages_of_others_may_not(origin: str) -> None:
    assert not may_connect(handshake(origin=origin))


@pytest.mark.parametrize("host", ["", "evil.example.com", "shop.example.com.evil.example"])
def test_a_host_that_is_not_the_shop_is_refused_even_when_the_origin_repeats_it(host: str) -> None:
    assert not may_connect(handshake(host=host, origin=f"https://{host}"))


@pytest.mark.parametrize(
    ("proxies", "client", "forwarded", "network"),
    [
        (0, ("192.0.2.1", 5000), ["203.0.113.5"], "192.0.2.1"),
        (1, ("127.0.0.1", 5000), ["203.0.113.5"], "203.0.113.5"),
        (1, ("127.0.0.1", 5000), ["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
        (1, ("127.0.0.1", 5000), ["198.51.100.1", "203.0.113.5"], "203.0.113.5"),
        (2, ("127.0.0.1", 5000), ["198.51.100.1, 203.0.113.5, 10.0.0.1"], "203.0.113.5"),
        (1, ("2001:db8::1", 5000), [], "2001:db8::/64"),
        (1, ("127.0.0.1", 5000), ["nonsense"], "unknown"),
        (0, None, [], "unknown"),
    ],
)
def test_a_client_is_counted_where_the_trusted_proxies_saw_it(
    proxies: int, client: tuple[str, int] | None, forwarded: list[str], network: str, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = proxies
    scope = {"client": client, "headers": [(b"x-forwarded-for", hops.encode()) for hops in forwarded]}
    assert network_of(scope) == network


def test_a_client_may_speak_twenty_times_at_once_and_twice_a_second_after(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [100.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: moments[0])
    allowance = Allowance()
    assert [allowance.take() for _ in range(MESSAGES_AT_ONCE + 1)] == [True] * MESSAGES_AT_ONCE + [False]
    moments[0] += 1.0
    assert [allowance.take() for _ in range(3)] == [True, True, False]
