"""Sign-in, password and own account under /api/v2/ and, unversioned, under /api/auth/."""

import pytest
from django.test import Client

from apps.accounts.models import LoginSession, User
from core.events.models import OutboxEvent
from tests.apps.accounts.conftest import Limits
from tests.factories import PASSWORD, access_token_of, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "quite-another-staple"
BASES = ["/api/v2/auth/", "/api/auth/"]
NEWCOMER = {"email": "new@example.com", "password": PASSWORD, "password2": PASSWORD}


def v2(user: User | None = None) -> ApiClient:
    return ApiClient(Client(), access=access_token_of(user) if user else "", base="/api/v2/")


def change(user: User, *, current: str = PASSWORD, new: str = NEW_PASSWORD, client: ApiClient | None = None):
    return (client or v2(user)).post("auth/password/change/", {"current_password": current, "password": new})


@pytest.mark.parametrize("base", BASES)
def test_the_whole_way_from_registering_to_leaving(base: str) -> None:
    client = ApiClient(Client(), base=base)
    made = client.post("register/", NEWCOMER)
    assert made.status_code == 201
    assert made.json()["user"]["role"] == "customer"
    signed_in = client.post("login/", {"email": "new@example.com", "password": PASSWORD}).json()
    pair = client.post("token/refresh/", {"refresh": signed_in["refresh"]}).json()
    assert client.post("token/verify/", {"token": pair["access"]}).status_code == 200
    client.access = pair["access"]
    assert client.post("logout/", {"refresh": pair["refresh"]}).status_code == 204
    client.access = ""
    assert client.post("token/verify/", {"token": pair["access"]}).status_code == 401
    assert client.post("token/verify/", {"token": pair["refresh"]}).status_code == 401


@pytest.mark.parametrize("path", ["/api/v2/users/me/", "/api/auth/users/me/"])
def test_own_account_is_shown_and_changed(customer: User, path: str) -> None:
    client = v2(customer)
    assert client.get(path).json() == {
        "id": str(customer.pk),
        "email": customer.email,
        "username": None,
        "first_name": "",
        "last_name": "",
        "phone": "",
        "role": "customer",
        "date_joined": client.get("/api/v1/auth/profile/").json()["date_joined"],
        "email_verified_at": None,
    }
    wanted = {"first_name": "Ada", "role": "admin", "email": "other@example.com", "email_verified_at": "2020-01-01"}
    changed = client.patch(path, wanted).json()
    assert (changed["first_name"], changed["role"], changed["email"]) == ("Ada", "customer", customer.email)
    assert changed["email_verified_at"] is None
    assert v2().get(path).status_code == 401


def test_verifying_tells_what_a_token_is_and_uses_nothing_up(customer: User) -> None:
    pair = v2().post("auth/login/", {"email": customer.email, "password": PASSWORD}).json()
    for kind in ("access", "refresh", "refresh"):
        answer = v2().post("auth/token/verify/", {"token": pair[kind]})
        assert (answer.status_code, answer.json()["token_type"]) == (200, kind)
    assert v2().post("auth/token/refresh/", {"refresh": pair["refresh"]}).status_code == 200
    assert v2().post("auth/token/verify/", {"token": pair["refresh"]}).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_verifying_what_is_no_token_is_refused(token: str) -> None:
    assert v2().post("auth/token/verify/", {"token": token}).status_code == (401 if token else 400)


def test_a_changed_password_ends_every_sign_in_but_the_one_it_begins(customer: User) -> None:
    others = [v2(customer) for _ in range(3)]
    answer = change(customer, client=others[0])
    assert answer.status_code == 200
    assert [client.get("users/me/").status_code for client in others] == [401, 401, 401]
    assert ApiClient(Client(), access=answer.json()["access"], base="/api/v2/").get("users/me/").status_code == 200
    assert v2().post("auth/token/refresh/", {"refresh": answer.json()["refresh"]}).status_code == 200
    customer.refresh_from_db()
    assert customer.check_password(NEW_PASSWORD)
    event = OutboxEvent.objects.get(name="accounts.password_changed")
    assert event.payload == {"user_id": str(customer.pk), "email": customer.email, "language": "en"}


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"current_password": "wrong", "password": NEW_PASSWORD}, "current_password", "password_incorrect"),
        ({"current_password": PASSWORD, "password": "12345678"}, "password", "password_too_common"),
        (
            {"current_password": PASSWORD, "password": NEW_PASSWORD, "password2": "x"},
            "password2",
            "password_mismatch",
        ),
        ({"password": NEW_PASSWORD}, "current_password", "required"),
    ],
)
def test_a_refused_change_changes_nothing(customer: User, fields: dict[str, str], field: str, code: str) -> None:
    client = v2(customer)
    answer = client.post("auth/password/change/", fields)
    assert answer.status_code == 400
    assert (field, code) in {(error["field"], error["code"]) for error in answer.json()["errors"]}
    customer.refresh_from_db()
    assert customer.check_password(PASSWORD)
    assert client.get("users/me/").status_code == 200
    assert OutboxEvent.objects.count() == 0


def test_the_current_password_cannot_be_guessed_and_its_owner_still_signs_in(customer: User, limits: Limits) -> None:
    limits(login="5/minute")
    client = v2(customer)
    statuses = [change(customer, current=f"guess {number}", client=client).status_code for number in range(7)]
    assert statuses == [400] * 5 + [429] * 2
    assert change(customer, client=client).status_code == 429
    known = {"email": customer.email, "password": PASSWORD}
    assert v2().post("auth/login/", known).status_code == 200
    assert LoginSession.objects.filter(user=customer, revoked_at=None).count() == 2


def test_registering_is_news_in_the_language_of_the_request() -> None:
    v2().post("auth/register/", NEWCOMER, Accept_Language="bn")
    event = OutboxEvent.objects.get()
    user = User.objects.get(email="new@example.com")
    assert (event.name, event.payload) == (
        "accounts.registered",
        {"user_id": str(user.pk), "email": "new@example.com", "language": "bn"},
    )


def test_a_refused_registration_is_no_news() -> None:
    make_user(email="new@example.com")
    assert v2().post("auth/register/", NEWCOMER).status_code == 400
    assert OutboxEvent.objects.count() == 0
