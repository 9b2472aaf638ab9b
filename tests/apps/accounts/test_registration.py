"""Making an account."""

import pytest

from apps.accounts.errors import InvalidAccount
from apps.accounts.models import LoginSession, User
from apps.accounts.services.registration import register_customer
from core import clock
from tests.apps.accounts.conftest import Headers, Limits
from tests.factories import PASSWORD, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db


def fields_at_fault(response) -> list[tuple[str, str]]:
    return [(error["field"], error["code"]) for error in response.json()["errors"]]


def test_a_new_customer_gets_an_account_and_tokens(api: ApiClient) -> None:
    response = api.post(
        "auth/register/",
        {
            "email": " Ada@Example.COM ",
            "password": PASSWORD,
            "password2": PASSWORD,
            "username": "ada",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "phone": "+44 20 7946 0000",
        },
    )
    assert response.status_code == 201, response.content
    body = response.json()
    user = User.objects.get()
    assert body["user"] == {
        "id": str(user.pk),
        "email": "ada@example.com",
        "username": "ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+44 20 7946 0000",
        "role": "customer",
        "date_joined": body["user"]["date_joined"],
    }
    assert body["user"]["date_joined"].endswith("Z")
    assert api.get("auth/profile/", Authorization=f"Bearer {body['access']}").json() == body["user"]
    assert api.post("auth/refresh/", {"refresh": body["refresh"]}).status_code == 200


def test_email_and_password_are_enough(api: ApiClient) -> None:
    response = api.post("auth/register/", {"email": "ada@example.com", "password": PASSWORD})
    assert response.status_code == 201
    user = response.json()["user"]
    assert (user["username"], user["first_name"], user["phone"]) == (None, "", "")


def test_two_accounts_may_both_have_no_username(api: ApiClient) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        assert api.post("auth/register/", {"email": email, "password": PASSWORD, "username": ""}).status_code == 201
    assert User.objects.filter(username=None).count() == 2


@pytest.mark.parametrize(
    "extra",
    [
        {"role": "admin"},
        {"is_staff": True, "is_superuser": True},
        {"is_active": False, "token_version": 7},
        {"id": "00000000-0000-0000-0000-000000000001", "date_joined": "2001-01-01T00:00:00Z"},
        {"email_verified_at": "2001-01-01T00:00:00Z", "groups": [1], "user_permissions": [1], "last_login": "2001"},
    ],
)
def test_what_is_not_asked_for_is_never_assigned(api: ApiClient, extra: dict[str, object]) -> None:
    response = api.post("auth/register/", {"email": "eve@example.com", "password": PASSWORD, **extra})
    assert response.status_code == 201
    user = User.objects.get()
    assert (user.role, user.is_staff, user.is_superuser, user.is_active) == ("customer", False, False, True)
    assert (user.token_version, user.email_verified_at) == (0, None)
    assert str(user.pk) != "00000000-0000-0000-0000-000000000001"
    assert user.date_joined.year != 2001
    assert not user.groups.exists()


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", " ada@Example.com "])
def test_a_taken_address_is_named_in_any_case_of_letters(api: ApiClient, email: str) -> None:
    make_user(email="ada@example.com")
    response = api.post("auth/register/", {"email": email, "password": PASSWORD})
    assert response.status_code == 400
    assert fields_at_fault(response) == [("email", "unique")]
    assert User.objects.count() == 1
    assert LoginSession.objects.count() == 0


def test_a_taken_username_is_named_in_any_case_of_letters(api: ApiClient) -> None:
    make_user(username="Ada")
    response = api.post("auth/register/", {"email": "a@example.com", "password": PASSWORD, "username": "aDA"})
    assert response.status_code == 400
    assert fields_at_fault(response) == [("username", "unique")]
    assert User.objects.count() == 1


def test_a_faulty_registration_does_not_tell_that_the_address_is_taken(api: ApiClient) -> None:
    make_user(email="ada@example.com")
    response = api.post("auth/register/", {"email": "ada@example.com", "password": "short"})
    assert response.status_code == 400
    assert [field for field, _ in fields_at_fault(response)] == ["password"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"email": None}, "email", "null"),
        ({"email": ""}, "email", "blank"),
        ({"email": "nobody"}, "email", "invalid"),
        ({"email": "a@b"}, "email", "invalid"),
        ({"email": ["ada@example.com"]}, "email", "invalid"),
        ({"email": 5}, "email", "invalid"),
        ({"email": "аda@example.com"}, "email", "invalid"),  # a Cyrillic letter that looks like a Latin one
        ({"email": "ada@exämple.com"}, "email", "invalid"),
        ({"email": "ada\x00@example.com"}, "email", "control"),
        ({"email": "a" * 250 + "@example.com"}, "email", "max_length"),
        ({"password": ""}, "password", "blank"),
        ({"password": "short"}, "password", "password_too_short"),
        ({"password": "password"}, "password", "password_too_common"),
        ({"password": "8391047265"}, "password", "password_entirely_numeric"),
        ({"password": "ada.lovelace@example.com"}, "password", "password_too_similar"),
        ({"password": "x" * 129}, "password", "max_length"),
        ({"password": "correct-\x00-horse"}, "password", "null_characters_not_allowed"),
        ({"password": 12345678901}, "password", "invalid"),
        ({"password2": "something else"}, "password2", "password_mismatch"),
        ({"username": "ada@example.com"}, "username", "invalid"),
        ({"username": "a da"}, "username", "invalid"),
        ({"username": "x" * 151}, "username", "max_length"),
        ({"first_name": "x" * 151}, "first_name", "max_length"),
        ({"phone": "1" * 33}, "phone", "max_length"),
    ],
)
def test_faulty_input_is_named_and_makes_no_account(
    api: ApiClient, change: dict[str, object], field: str, code: str
) -> None:
    body = {"email": "ada.lovelace@example.com", "password": PASSWORD, "first_name": "Ada"}
    response = api.post("auth/register/", {**body, **change})
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert (field, code) in fields_at_fault(response)
    assert User.objects.count() == 0


@pytest.mark.parametrize("body", [{}, {"email": "ada@example.com"}, {"password": PASSWORD}])
def test_missing_input_is_named(api: ApiClient, body: dict[str, str]) -> None:
    response = api.post("auth/register/", body)
    assert response.status_code == 400
    assert set(fields_at_fault(response)) == {(name, "required") for name in {"email", "password"} - set(body)}


def test_a_password_of_128_signs_and_blanks_around_it_are_kept(api: ApiClient) -> None:
    password = " " + "ab1-" * 31 + "xy "
    assert len(password) == 128
    api.post("auth/register/", {"email": "ada@example.com", "password": password})
    assert User.objects.get().check_password(password)
    assert not User.objects.get().check_password(password.strip())


def test_a_taken_address_costs_a_password_hash_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="ada@example.com")
    hashed: list[str | None] = []
    monkeypatch.setattr(User, "set_password", lambda user, password: hashed.append(password))
    with pytest.raises(InvalidAccount):
        register_customer(email="ada@example.com", password=PASSWORD, now=clock.now())
    assert hashed == [PASSWORD]


def test_an_expired_token_does_not_stand_in_the_way(api: ApiClient) -> None:
    response = api.post("auth/register/", {"email": "a@example.com", "password": PASSWORD}, Authorization="Bearer old")
    assert response.status_code == 201


def test_registrations_are_limited_per_network(api: ApiClient, from_address: Headers, limits: Limits) -> None:
    limits(register="2/hour")
    home = from_address()
    codes = [
        api.post("auth/register/", {"email": f"p{n}@example.com", "password": PASSWORD}, **home).status_code
        for n in range(3)
    ]
    assert codes == [201, 201, 429]
    assert User.objects.count() == 2
