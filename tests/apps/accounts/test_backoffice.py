"""Accounts in the back office: found, made, changed, closed; sign-ins are looked at and ended."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import Address, LoginSession, User
from apps.accounts.services.addresses import create_address
from apps.accounts.services.tokens import ClientInfo, TokenPair, start_session
from core import clock
from tests.apps.accounts.conftest import Headers, Limits
from tests.factories import ADDRESS, PASSWORD, make_admin, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "another-long-phrase"
USERS = "/admin/accounts/user/"
SESSIONS = "/admin/accounts/loginsession/"


@pytest.fixture
def desk(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def user() -> User:
    return make_user(email="ada@example.com", first_name="Ada", phone="123")


@pytest.fixture
def pair(user: User) -> TokenPair:
    return start_session(user=user, client=ClientInfo(ip_address="192.0.2.7"), now=clock.now())


def works(api: ApiClient, pair: TokenPair) -> bool:
    return api.get("auth/profile/", Authorization=f"Bearer {pair.access}").status_code == 200


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    names = ("email", "username", "first_name", "last_name", "phone", "role")
    fields = {name: getattr(user, name) or "" for name in names}
    if user.is_active:
        fields["is_active"] = "on"
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def errors_in(response: Any) -> str:
    return " ".join(re.findall(r"<(?:ul|div)[^>]*error[^>]*>.*?</(?:ul|div)>", response.content.decode(), re.S))


def test_pages_open_and_find_people(desk: Client, user: User, pair: TokenPair) -> None:
    create_address(user=user, data=ADDRESS)
    session = LoginSession.objects.get(user=user)
    address = Address.objects.get()
    for path in (
        "/admin/",
        USERS,
        f"{USERS}add/",
        f"{USERS}{user.pk}/change/",
        f"{USERS}{user.pk}/password/",
        SESSIONS,
        f"{SESSIONS}{session.pk}/change/",
        "/admin/accounts/address/",
        f"/admin/accounts/address/{address.pk}/change/",
        "/admin/auth/group/",
    ):
        assert desk.get(path).status_code == 200, path
    for path in (
        f"{USERS}?q=ada@example",
        f"{USERS}?q=123",
        f"{USERS}?role__exact=customer",
        f"{SESSIONS}?q=192.0.2.7",
    ):
        assert b"ada@example.com" in desk.get(path).content, path
    assert b"ada@example.com" not in desk.get(f"{USERS}?role__exact=seller").content


def test_lists_take_as_many_statements_for_many_rows(desk: Client, django_assert_max_num_queries) -> None:
    for _ in range(30):
        start_session(user=make_user(), client=ClientInfo(ip_address=None), now=clock.now())
    for path in (USERS, SESSIONS):
        with django_assert_max_num_queries(9):
            desk.get(path)


def test_an_account_is_made_with_its_address_as_identity(desk: Client) -> None:
    form = {"email": " Bob@Example.com ", "username": "", "role": "seller", "first_name": "Bob"}
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    response = desk.post(f"{USERS}add/", {**form, **passwords})
    assert response.status_code == 302, errors_in(response)
    user = User.objects.get(email="bob@example.com")
    assert (user.username, user.role, user.is_superuser) == (None, "seller", False)
    assert user.check_password(PASSWORD)
    again = desk.post(f"{USERS}add/", {**form, **passwords, "email": "BOB@example.com"})
    assert again.status_code == 200
    assert "already exists" in errors_in(again)


def test_a_changed_account_keeps_what_was_not_changed(
    desk: Client, user: User, pair: TokenPair, api: ApiClient
) -> None:
    make_user(username="bob")
    path = f"{USERS}{user.pk}/change/"
    response = desk.post(path, form_of(user, role="seller", email="New@Example.com", username="Ada"))
    assert response.status_code == 302, errors_in(response)
    user.refresh_from_db()
    assert (user.role, user.email, user.username, user.first_name) == ("seller", "new@example.com", "Ada", "Ada")
    assert works(api, pair)
    assert user.check_password(PASSWORD)
    taken = desk.post(path, form_of(user, username="BOB"))
    assert taken.status_code == 200
    assert User.objects.get(pk=user.pk).username == "Ada"


def test_closing_an_account_in_its_form_ends_its_sign_ins(
    desk: Client, user: User, pair: TokenPair, api: ApiClient
) -> None:
    assert works(api, pair)
    assert desk.post(f"{USERS}{user.pk}/change/", form_of(user, is_active=None)).status_code == 302
    assert not works(api, pair)
    assert LoginSession.objects.get(user=user).revoked_reason == "deactivated"
    user.refresh_from_db()
    assert desk.post(f"{USERS}{user.pk}/change/", form_of(user, is_active="on")).status_code == 302
    assert User.objects.get(pk=user.pk).is_active
    assert not works(api, pair)


def test_chosen_accounts_are_closed_and_reopened_but_never_ones_own(
    desk: Client, admin: User, user: User, pair: TokenPair, api: ApiClient
) -> None:
    chosen = [str(admin.pk), str(user.pk)]
    desk.post(USERS, {"action": "close_accounts", "_selected_action": chosen})
    assert not works(api, pair)
    assert list(User.objects.filter(is_active=False)) == [user]
    desk.post(USERS, {"action": "reopen_accounts", "_selected_action": chosen})
    assert not User.objects.filter(is_active=False).exists()


def test_nobody_closes_or_demotes_themselves(desk: Client, admin: User) -> None:
    form = form_of(admin, is_active=None, role="customer", is_superuser="on", last_name="King")
    assert desk.post(f"{USERS}{admin.pk}/change/", form).status_code == 302
    admin.refresh_from_db()
    assert (admin.is_active, admin.role, admin.last_name) == (True, "admin", "King")


def test_an_account_is_not_deleted(desk: Client, user: User) -> None:
    assert desk.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    desk.post(USERS, {"action": "delete_selected", "_selected_action": [str(user.pk)], "post": "yes"})
    assert User.objects.filter(pk=user.pk).exists()


def test_a_password_set_for_somebody_ends_their_sign_ins(
    desk: Client, user: User, pair: TokenPair, api: ApiClient
) -> None:
    path = f"{USERS}{user.pk}/password/"
    assert desk.post(path, {"password1": "short", "password2": "short"}).status_code == 200
    assert works(api, pair)
    response = desk.post(path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert response.status_code == 302
    assert not works(api, pair)
    assert User.objects.get(pk=user.pk).check_password(NEW_PASSWORD)


def test_ones_own_new_password_ends_ones_sign_ins_at_the_api(desk: Client, admin: User, api: ApiClient) -> None:
    pair = start_session(user=admin, client=ClientInfo(ip_address=None), now=clock.now())
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert desk.post("/admin/password_change/", form).status_code == 302
    assert not works(api, pair)
    assert desk.get("/admin/").status_code == 200


def test_sign_ins_are_read_only_and_can_be_ended(desk: Client, user: User, pair: TokenPair, api: ApiClient) -> None:
    session = LoginSession.objects.get(user=user)
    assert desk.post(f"{SESSIONS}{session.pk}/change/", {"revoked_reason": "x"}).status_code == 403
    assert desk.get(f"{SESSIONS}add/").status_code == 403
    assert desk.post(f"{SESSIONS}{session.pk}/delete/", {"post": "yes"}).status_code == 403
    assert works(api, pair)
    desk.post(SESSIONS, {"action": "end", "_selected_action": [str(session.pk)]})
    assert not works(api, pair)
    session.refresh_from_db()
    assert session.revoked_reason == "ended_by_admin"


def test_who_is_no_superuser_grants_no_rights_and_touches_no_superuser(admin: User, user: User) -> None:
    clerk = make_user(role="admin")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    desk = Client()
    desk.force_login(clerk)
    form = form_of(user, is_superuser="on", user_permissions=[str(Permission.objects.all()[0].pk)], last_name="King")
    assert desk.post(f"{USERS}{user.pk}/change/", form).status_code == 302
    user.refresh_from_db()
    assert (user.last_name, user.is_superuser, user.user_permissions.count()) == ("King", False, 0)
    assert desk.post(f"{USERS}{admin.pk}/change/", form_of(admin, last_name="X")).status_code == 403
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert desk.post(f"{USERS}{admin.pk}/password/", passwords).status_code == 403
    desk.post(USERS, {"action": "close_accounts", "_selected_action": [str(admin.pk)]})
    admin.refresh_from_db()
    assert (admin.last_name, admin.is_active, admin.check_password(PASSWORD)) == ("", True, True)


@pytest.mark.parametrize("role", ["customer", "seller"])
def test_the_back_office_is_for_admins(role: str) -> None:
    make_user(email="ada@example.com", role=role)
    client = Client()
    response = client.post("/admin/login/", {"username": "ada@example.com", "password": PASSWORD})
    assert response.status_code == 200
    assert client.get(USERS).status_code == 302


def test_whoever_signs_in_at_the_door_comes_in() -> None:
    make_admin(email="boss@example.com")
    response = Client().post("/admin/login/", {"username": "boss@example.com", "password": PASSWORD}, follow=True)
    assert (response.redirect_chain, response.status_code) == ([("/admin/", 302)], 200)


def test_guesses_at_the_door_are_limited_by_account_and_by_network(from_address: Headers, limits: Limits) -> None:
    limits(login="3/hour")
    make_admin(email="boss@example.com")

    def knock(name: str, password: str, address: dict[str, str]) -> bool:
        headers = {key.replace("_", "-"): value for key, value in address.items()}
        response = Client().post("/admin/login/", {"username": name, "password": password}, headers=headers)
        return int(response.status_code) == 302

    assert knock("BOSS@example.com", PASSWORD, from_address())
    assert [knock("boss@example.com", "guess", from_address()) for _ in range(2)] == [False, False]
    assert not knock("boss@example.com", PASSWORD, from_address())  # the fourth on this account
    home = from_address()
    for number in range(3):
        knock(f"nobody{number}@example.com", "guess", home)
    make_admin(email="other@example.com")
    assert not knock("other@example.com", PASSWORD, home)
    assert knock("other@example.com", PASSWORD, from_address())
