"""One's own profile."""

from typing import Any

import pytest

from apps.accounts.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user(email="ada@example.com", username="ada", first_name="Ada", last_name="Lovelace", phone="1")


def test_the_profile_is_shown(api_as, user: User) -> None:
    response = api_as(user).get("auth/profile/")
    assert response.status_code == 200
    assert response.json() == {
        "id": str(user.pk),
        "email": "ada@example.com",
        "username": "ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "1",
        "role": "customer",
        "date_joined": user.date_joined.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("method", ["put", "patch"])
def test_what_is_sent_changes_and_the_rest_stays(api_as, user: User, method: str) -> None:
    client = api_as(user)
    response = getattr(client, method)("auth/profile/", {"first_name": " Augusta ", "phone": ""})
    assert response.status_code == 200
    assert response.json() == {**client.get("auth/profile/").json(), "first_name": "Augusta", "phone": ""}
    user.refresh_from_db()
    assert (user.first_name, user.last_name, user.phone, user.username) == ("Augusta", "Lovelace", "", "ada")


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize(
    "extra",
    [
        {"email": "eve@example.com"},
        {"role": "admin"},
        {"is_staff": True, "is_superuser": True, "is_active": False},
        {"id": "00000000-0000-0000-0000-000000000001"},
        {"date_joined": "2001-01-01T00:00:00Z", "last_login": "2001-01-01T00:00:00Z"},
        {"password": "another-long-phrase"},
        {"token_version": 9, "email_verified_at": "2001-01-01T00:00:00Z"},
        {"groups": [1], "user_permissions": [1]},
    ],
)
def test_what_is_not_ones_own_to_set_is_ignored(api_as, user: User, method: str, extra: dict[str, Any]) -> None:
    before = User.objects.values().get(pk=user.pk)
    response = getattr(api_as(user), method)("auth/profile/", {**extra, "last_name": "King"})
    assert response.status_code == 200
    assert User.objects.values().get(pk=user.pk) == {**before, "last_name": "King"}


def test_a_username_may_be_taken_up_changed_in_case_and_given_up(api_as, user: User) -> None:
    client = api_as(user)
    for sent, kept in (("Ada", "Ada"), ("ADA", "ADA"), ("", None), ("ada.l", "ada.l"), (None, None)):
        response = client.patch("auth/profile/", {"username": sent})
        assert response.status_code == 200
        assert response.json()["username"] == kept


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"username": "BOB"}, "username", "unique"),
        ({"username": "ada@example.com"}, "username", "invalid"),
        ({"username": "x" * 151}, "username", "max_length"),
        ({"first_name": "x" * 151}, "first_name", "max_length"),
        ({"last_name": None}, "last_name", "null"),
        ({"phone": 123}, "phone", "invalid"),
        ({"first_name": "a\x00b"}, "first_name", "control"),
    ],
)
def test_faulty_input_is_named_and_changes_nothing(
    api_as, user: User, change: dict[str, Any], field: str, code: str
) -> None:
    make_user(username="bob")
    response = api_as(user).patch("auth/profile/", {"first_name": "New", **change})
    assert response.status_code == 400
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [(field, code)]
    user.refresh_from_db()
    assert (user.username, user.first_name, user.phone) == ("ada", "Ada", "1")


@pytest.mark.parametrize("method", ["get", "put", "patch"])
def test_nobody_has_no_profile(api, db: None, method: str) -> None:
    response = getattr(api, method)("auth/profile/")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
