"""Fixtures of the accounts' tests: a clock to set, limits to switch on, networks to come from."""

import datetime as dt
import secrets
from collections.abc import Callable

import pytest

from core import clock

Headers = Callable[[], dict[str, str]]
Limits = Callable[..., None]


class Clock:
    """The time the shop believes in."""

    def __init__(self) -> None:
        self.now = clock.now()

    def advance(self, **duration: float) -> None:
        self.now += dt.timedelta(**duration)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until the test moves it."""
    stopped = Clock()
    monkeypatch.setattr(clock, "now", lambda: stopped.now)
    return stopped


@pytest.fixture
def from_address(settings) -> Headers:
    """Return headers of a client in a network of its own, behind one trusted proxy."""
    settings.TRUSTED_PROXIES = 1
    return lambda: {"X_Forwarded_For": f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"}


@pytest.fixture
def limits(settings) -> Limits:
    """Switch the throttles on, with the given rates."""

    def switch_on(**rates: str) -> None:
        settings.THROTTLE_ENABLED = True
        settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, **rates}

    return switch_on
