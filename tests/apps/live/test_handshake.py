"""From which pages and under which names a browser may connect; how often a client may speak."""

from typing import Any

import pytest
from django.conf import LazySettings

from apps.live import limits
from apps.live.limits import MESSAGES_AT_ONCE, Allowance
from apps.live.routing import may_connect


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


def test_a_client_may_speak_twenty_times_at_once_and_twice_a_second_after(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [100.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: moments[0])
    allowance = Allowance()
    assert [allowance.take() for _ in range(MESSAGES_AT_ONCE + 1)] == [True] * MESSAGES_AT_ONCE + [False]
    moments[0] += 1.0
    assert [allowance.take() for _ in range(3)] == [True, True, False]
