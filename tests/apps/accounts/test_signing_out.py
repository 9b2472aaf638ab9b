"""What ends sign-ins, and that it acts at once."""

import uuid
from typing import Any

import pytest
from django.core.management import call_command

from apps.accounts.errors import InvalidAccount
from apps.accounts.models import LoginSession, User
from apps.accounts.services.activation import deactivate_account, reactivate_account
from apps.accounts.services.passwords import change_password
from apps.accounts.services.tokens import ClientInfo, TokenPair, end_session, start_session
from apps.accounts.states import RevokedReason
from core import clock
from tests.apps.accounts.conftest import Clock
from tests.factories import PASSWORD, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "another-long-phrase"


@pytest.fixture
def user() -> User:
    return make_user(email="ada@example.com")


def sign_in(user: User) -> TokenPair:
    user = User.objects.get(pk=user.pk)
    return start_session(user=user, client=ClientInfo(ip_address=None), now=clock.now())


def bearer(pair: TokenPair) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair.access}"}


def works(api: ApiClient, pair: TokenPair) -> tuple[bool, bool]:
    """Return whether the access and the refresh token are still good (using up the latter)."""
    access = api.get("auth/profile/", **bearer(pair)).status_code
    refresh = api.post("auth/refresh/", {"refresh": pair.refresh}).status_code
    assert {access, refresh} <= {200, 401}
    return access == 200, refresh == 200


def log_out(api: ApiClient, pair: TokenPair, refresh: Any) -> int:
    return int(api.post("auth/logout/", {"refresh": refresh}, **bearer(pair)).status_code)


def test_logging_out_ends_access_and_refresh_at_once_and_nothing_else(api: ApiClient, user: User) -> None:
    phone, laptop = sign_in(user), sign_in(user)
    assert api.get("auth/profile/", **bearer(phone)).status_code == 200  # remembered as verified from here on
    assert log_out(api, phone, phone.refresh) == 204
    assert works(api, phone) == (False, False)
    assert works(api, laptop) == (True, True)
    assert LoginSession.objects.get(revoked_reason="signed_out").user == user


def test_logging_out_ends_both_sign_ins_when_the_tokens_are_of_two(api: ApiClient, user: User) -> None:
    phone, laptop, tablet = sign_in(user), sign_in(user), sign_in(user)
    assert log_out(api, phone, laptop.refresh) == 204
    assert works(api, phone) == (False, False)
    assert works(api, laptop) == (False, False)
    assert works(api, tablet) == (True, True)


def test_nobody_logs_out_somebody_else(api: ApiClient, user: User) -> None:
    mine, theirs = sign_in(user), sign_in(make_user())
    assert log_out(api, mine, theirs.refresh) == 204
    assert works(api, mine) == (False, False)
    assert works(api, theirs) == (True, True)


@pytest.mark.parametrize("refresh", ["garbage", "a.b.c", "x" * 5_000, " "])
def test_who_wants_to_leave_leaves_whatever_the_refresh_token_is(api: ApiClient, user: User, refresh: str) -> None:
    pair = sign_in(user)
    if refresh.strip():
        assert log_out(api, pair, refresh) == 204
        assert works(api, pair) == (False, False)


def test_an_expired_refresh_token_is_no_obstacle_to_leaving(api: ApiClient, user: User, time: Clock) -> None:
    old = sign_in(user)
    time.advance(days=8)
    pair = sign_in(user)
    assert log_out(api, pair, old.refresh) == 204
    assert works(api, pair) == (False, False)


@pytest.mark.parametrize("body", [{}, {"refresh": None}, {"refresh": 5}])
def test_logging_out_without_a_refresh_token_is_invalid_input_and_ends_nothing(
    api: ApiClient, user: User, body: dict[str, Any]
) -> None:
    pair = sign_in(user)
    response = api.post("auth/logout/", body, **bearer(pair))
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["refresh"]
    assert works(api, pair) == (True, True)


def test_logging_out_needs_an_access_token_and_works_once(api: ApiClient, user: User) -> None:
    pair = sign_in(user)
    assert api.post("auth/logout/", {"refresh": pair.refresh}).status_code == 401
    assert log_out(api, pair, pair.refresh) == 204
    assert log_out(api, pair, pair.refresh) == 401


def test_closing_an_account_ends_all_its_sign_ins_at_once(api: ApiClient, user: User) -> None:
    phone, laptop, other = sign_in(user), sign_in(user), sign_in(make_user())
    assert deactivate_account(user_id=user.pk, now=clock.now()) is True
    assert works(api, phone) == works(api, laptop) == (False, False)
    assert works(api, other) == (True, True)
    assert deactivate_account(user_id=user.pk, now=clock.now()) is False


def test_a_reopened_account_has_to_sign_in_anew(api: ApiClient, user: User) -> None:
    pair = sign_in(user)
    deactivate_account(user_id=user.pk, now=clock.now())
    assert reactivate_account(user_id=user.pk) is True
    assert works(api, pair) == (False, False)
    assert api.post("auth/login/", {"email": user.email, "password": PASSWORD}).status_code == 200
    assert reactivate_account(user_id=user.pk) is False
    assert reactivate_account(user_id=uuid.uuid4()) is False


def test_a_new_password_ends_all_sign_ins_at_once(api: ApiClient, user: User) -> None:
    phone, laptop = sign_in(user), sign_in(user)
    change_password(user=user, password=NEW_PASSWORD, now=clock.now())
    assert works(api, phone) == works(api, laptop) == (False, False)
    assert api.post("auth/login/", {"email": user.email, "password": PASSWORD}).status_code == 401
    assert api.post("auth/login/", {"email": user.email, "password": NEW_PASSWORD}).status_code == 200


@pytest.mark.parametrize("password", ["short", "password", "x" * 129, "ada@example.com", "null-\x00-byte-inside"])
def test_a_refused_new_password_changes_nothing(api: ApiClient, user: User, password: str) -> None:
    pair = sign_in(user)
    with pytest.raises(InvalidAccount) as refusal:
        change_password(user=user, password=password, now=clock.now())
    assert {error.field for error in refusal.value.errors} == {"password"}
    assert works(api, pair) == (True, True)
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_a_password_set_on_the_command_line_ends_all_sign_ins(
    api: ApiClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = sign_in(user)
    monkeypatch.setattr("getpass.getpass", lambda prompt="": NEW_PASSWORD)
    call_command("changepassword", user.email, verbosity=0)
    assert works(api, pair) == (False, False)
    assert User.objects.get(pk=user.pk).check_password(NEW_PASSWORD)


def test_ending_one_sign_in_leaves_the_others(api: ApiClient, user: User) -> None:
    phone, laptop = sign_in(user), sign_in(user)
    session = LoginSession.objects.order_by("id").first()
    assert session is not None
    for _ in range(2):
        end_session(session_id=session.pk, reason=RevokedReason.ENDED_BY_ADMIN, now=clock.now())
    assert works(api, phone) == (False, False)
    assert works(api, laptop) == (True, True)
