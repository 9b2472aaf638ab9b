"""Exchanging refresh tokens: one successor each, and what happens to a token that is used again."""

from typing import Any

import pytest

from apps.accounts.invariants import (
    one_default_address_per_type,
    one_unused_refresh_token,
    successors_stay_in_the_family,
)
from apps.accounts.models import LoginSession, RefreshToken
from apps.accounts.services.housekeeping import forget_old_sign_ins
from apps.accounts.services.tokens import ClientInfo, TokenPair, start_session
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from tests.apps.accounts.conftest import Clock, Headers, Limits
from tests.factories import make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _invariants_hold(db: None):
    yield
    checks = (one_unused_refresh_token, successors_stay_in_the_family, one_default_address_per_type)
    assert [line for check in checks for line in check()] == []


@pytest.fixture
def pair(time: Clock) -> TokenPair:
    return start_session(user=make_user(), client=ClientInfo(ip_address="192.0.2.1"), now=time.now)


def refresh(api: ApiClient, token: str) -> Any:
    return api.post("auth/refresh/", {"refresh": token})


def is_signed_in(api: ApiClient, access: str) -> bool:
    return api.get("auth/profile/", Authorization=f"Bearer {access}").status_code == 200


def test_an_exchange_gives_a_new_pair(api: ApiClient, pair: TokenPair) -> None:
    response = refresh(api, pair.refresh)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access", "refresh"}
    assert body["refresh"] != pair.refresh
    assert is_signed_in(api, body["access"])
    assert is_signed_in(api, pair.access)  # the old access token runs out by itself
    assert response["Cache-Control"] == "private, no-store"


def test_a_sign_in_lives_on_as_long_as_it_is_used_within_a_week(api: ApiClient, pair: TokenPair, time: Clock) -> None:
    token = pair.refresh
    for _ in range(4):
        time.advance(days=6)
        response = refresh(api, token)
        assert response.status_code == 200
        token = response.json()["refresh"]
    time.advance(days=7, seconds=1)
    assert refresh(api, token).status_code == 401


def test_a_repeat_within_ten_seconds_gets_the_same_successor(api: ApiClient, pair: TokenPair, time: Clock) -> None:
    first = refresh(api, pair.refresh).json()
    time.advance(seconds=10)
    again = refresh(api, pair.refresh)
    assert again.status_code == 200
    assert again.json()["refresh"] == first["refresh"]
    assert is_signed_in(api, again.json()["access"])
    assert RefreshToken.objects.count() == 2
    assert refresh(api, first["refresh"]).status_code == 200


def test_a_later_repeat_ends_the_whole_sign_in(api: ApiClient, pair: TokenPair, time: Clock) -> None:
    other_device = start_session(user=pair.user, client=ClientInfo(ip_address=None), now=time.now)
    first = refresh(api, pair.refresh).json()
    time.advance(seconds=10, milliseconds=1)
    response = refresh(api, pair.refresh)
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"
    assert not is_signed_in(api, pair.access)
    assert not is_signed_in(api, first["access"])
    assert refresh(api, first["refresh"]).status_code == 401
    assert is_signed_in(api, other_device.access)
    assert refresh(api, other_device.refresh).status_code == 200
    session = LoginSession.objects.exclude(revoked_at=None).get()
    assert (session.revoked_at, session.revoked_reason) == (time.now, "refresh_token_reused")


def test_a_repeat_after_the_successor_was_used_ends_the_sign_in(api: ApiClient, pair: TokenPair) -> None:
    second = refresh(api, pair.refresh).json()
    third = refresh(api, second["refresh"]).json()
    assert refresh(api, pair.refresh).status_code == 401
    assert not is_signed_in(api, third["access"])
    assert refresh(api, third["refresh"]).status_code == 401


def test_reuse_is_news_once(api: ApiClient, pair: TokenPair, time: Clock) -> None:
    refresh(api, pair.refresh)
    time.advance(minutes=1)
    for _ in range(3):
        assert refresh(api, pair.refresh).status_code == 401
    deliver_all_due(now=time.now)
    event = OutboxEvent.objects.get()
    assert event.name == "accounts.refresh_token_reused"
    session = LoginSession.objects.get()
    assert event.payload == {
        "user_id": str(pair.user.pk),
        "session_id": str(session.pk),
        "email": pair.user.email,
        "ip_address": "192.0.2.1",
    }


def test_the_time_for_repeats_is_a_setting(api: ApiClient, pair: TokenPair, time: Clock, settings) -> None:
    settings.REFRESH_REUSE_GRACE_SECONDS = 0
    refresh(api, pair.refresh)
    time.advance(milliseconds=1)
    assert refresh(api, pair.refresh).status_code == 401


@pytest.mark.parametrize(("body", "code"), [({}, "required"), ({"refresh": ""}, "blank"), ({"refresh": 5}, "invalid")])
def test_a_missing_token_is_invalid_input(api: ApiClient, db: None, body: dict[str, Any], code: str) -> None:
    response = api.post("auth/refresh/", body)
    assert response.status_code == 400
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [("refresh", code)]


def test_an_expired_access_token_does_not_stand_in_the_way(api: ApiClient, pair: TokenPair, time: Clock) -> None:
    time.advance(hours=1)
    response = api.post("auth/refresh/", {"refresh": pair.refresh}, Authorization=f"Bearer {pair.access}")
    assert response.status_code == 200


def test_exchanges_are_limited(api: ApiClient, pair: TokenPair, from_address: Headers, limits: Limits) -> None:
    limits(refresh="2/hour")
    home = from_address()
    token = {"refresh": pair.refresh}
    assert [api.post("auth/refresh/", token, **home).status_code for _ in range(3)] == [200, 200, 429]


def test_what_has_expired_is_forgotten_and_what_has_not_stays(api: ApiClient, pair: TokenPair, time: Clock) -> None:
    time.advance(days=5)
    successor = refresh(api, pair.refresh).json()["refresh"]
    time.advance(days=3)
    assert forget_old_sign_ins(now=time.now) == 1
    assert RefreshToken.objects.count() == 1
    successor = refresh(api, successor).json()["refresh"]
    time.advance(days=8)
    assert forget_old_sign_ins(now=time.now) == 2
    assert LoginSession.objects.count() == 1  # still tells where the account is known from
    time.advance(days=90)
    assert forget_old_sign_ins(now=time.now) == 1
    assert LoginSession.objects.count() == 0
    assert refresh(api, successor).status_code == 401
    assert forget_old_sign_ins(now=time.now) == 0
