"""Passwords guessed at once, over HTTP: no more than the limit are looked at, in one process's memory and in Redis."""

import os
import secrets
import time
from collections import Counter
from typing import Any

import pytest
from django.test import Client
from limits import RateLimitItem

from apps.accounts.services import sign_in
from core.api import throttles
from core.ids import new_id
from tests.apps.orders.crowd import at_once
from tests.factories import make_user
from tests.http import ApiClient

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
GUESSES, CLIENTS, LIMIT = 100, 32, 10


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.REDIS_URL = os.environ["REDIS_URL"] if request.param == "redis" else ""


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with the account's."""
    words: list[str] = []
    plain = sign_in._is_password_of
    monkeypatch.setattr(sign_in, "_is_password_of", lambda user, word: words.append(word) or plain(user, word))
    return words


def guess_at_once(settings: Any) -> Counter[int]:
    """Guess one account's password a hundred times, each from a network of its own."""
    settings.THROTTLE_ENABLED, settings.TRUSTED_PROXIES = True, 1
    settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "login": f"{LIMIT}/minute"}
    name, prefix = make_user(email=f"{new_id().hex}@example.com").email, secrets.token_hex(2)

    def guess(number: int) -> int:
        return (
            ApiClient(Client())
            .post(
                "auth/login/",
                {"email": name, "password": f"guess {number}"},
                X_Forwarded_For=f"2001:db8:{prefix}:{number:x}::1",
            )
            .status_code
        )

    return Counter(at_once([lambda n=number: guess(n) for number in range(GUESSES)], clients=CLIENTS))  # type: ignore[misc]


@pytest.mark.usefixtures("store")
def test_of_a_hundred_guesses_at_once_ten_are_looked_at(looked_at: list[str], settings: Any) -> None:
    assert guess_at_once(settings) == {401: LIMIT, 429: GUESSES - LIMIT}
    assert len(looked_at) == len(set(looked_at)) == LIMIT


def test_control_a_count_that_is_read_and_then_written_lets_more_through(
    looked_at: list[str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: dict[tuple[str, str], int] = {}

    def read_then_write(limit: RateLimitItem, scope: str, key: str) -> tuple[bool, int, int]:
        seen = counts.get((scope, key), 0)
        time.sleep(0.002)
        counts[scope, key] = seen + 1
        return seen < limit.amount, limit.amount - seen, 1

    monkeypatch.setattr(throttles, "_count", read_then_write)

    assert guess_at_once(settings)[401] > LIMIT
    assert len(looked_at) > LIMIT
