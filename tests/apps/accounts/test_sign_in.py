"""Signing in with a password: who gets in, what is told, how often one may try."""

import secrets
from typing import Any

import pytest
from django.conf import settings as shop_settings
from django.contrib.auth import hashers

from apps.accounts.models import LoginSession, User
from apps.accounts.services import sign_in as sign_in_service
from apps.accounts.services.activation import deactivate_account
from apps.inventory.models import Stock
from core import clock
from tests.apps.accounts.conftest import Clock, Headers, Limits
from tests.factories import PASSWORD, make_product, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db


def log_in(api: ApiClient, name: str, password: str = PASSWORD, **headers: str) -> Any:
    return api.post("auth/login/", {"email": name, "password": password}, **headers)


@pytest.mark.parametrize(
    "name",
    [
        {"email": "ada@example.com"},
        {"email": " ADA@example.COM "},
        {"username": "ada@example.com"},
        {"username": "Ada"},
        {"username": "aDA"},
        {"email": "ada"},
    ],
)
def test_address_and_username_open_the_account(api: ApiClient, time: Clock, name: dict[str, str]) -> None:
    user = make_user(email="ada@example.com", username="Ada")
    response = api.post("auth/login/", {**name, "password": PASSWORD}, User_Agent="Phone\x01 1.0")
    assert response.status_code == 200, response.content
    body = response.json()
    assert set(body) == {"access", "refresh", "user", "cart_problems"}
    assert (body["user"]["id"], body["user"]["username"], body["cart_problems"]) == (str(user.pk), "Ada", [])
    session = LoginSession.objects.get()
    assert (session.user_id, session.created_at, session.ip_address) == (user.pk, time.now, "127.0.0.1")
    assert session.user_agent == "Phone 1.0"
    user.refresh_from_db()
    assert user.last_login == time.now


def test_unknown_name_wrong_password_and_closed_account_get_the_same_answer(api: ApiClient) -> None:
    make_user(email="ada@example.com")
    closed = make_user(email="closed@example.com")
    deactivate_account(user_id=closed.pk, now=clock.now())
    answers = [
        log_in(api, "nobody@example.com", X_Request_ID="the-same-id"),
        log_in(api, "ada@example.com", "wrong-" + PASSWORD, X_Request_ID="the-same-id"),
        log_in(api, "closed@example.com", X_Request_ID="the-same-id"),
        log_in(api, "closed@example.com", "wrong-" + PASSWORD, X_Request_ID="the-same-id"),
        api.post("auth/login/", {"username": "nobody", "password": PASSWORD}, X_Request_ID="the-same-id"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json()["code"] == "invalid_credentials"
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1
    assert LoginSession.objects.count() == 0


@pytest.mark.parametrize("name", ["nobody@example.com", "ada@example.com", "closed@example.com", "social@example.com"])
def test_each_refusal_costs_one_password_hash(api: ApiClient, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make_user(email="ada@example.com")
    make_user(email="closed@example.com", is_active=False)
    make_user(email="social@example.com", password=None)
    hashed: list[str] = []
    plain_encode = hashers.MD5PasswordHasher.encode

    def counting_encode(hasher: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return plain_encode(hasher, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counting_encode)
    assert log_in(api, name, "not the password").status_code == 401
    assert len(hashed) == 1


def test_refusals_ask_the_database_equally_often(api: ApiClient, django_assert_num_queries) -> None:
    make_user(email="ada@example.com")
    for name in ("nobody@example.com", "ada@example.com"):
        with django_assert_num_queries(1):
            log_in(api, name, "not the password")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"password": PASSWORD}, "email", "required"),
        ({"email": "ada@example.com"}, "password", "required"),
        ({"email": "ada@example.com", "password": ""}, "password", "blank"),
        ({"email": "ada@example.com", "password": "x" * 129}, "password", "max_length"),
        ({"email": "ada@example.com", "password": "a\x00b"}, "password", "null_characters_not_allowed"),
        ({"email": "ada\x00@example.com", "password": PASSWORD}, "email", "control"),
        ({"email": {"$ne": ""}, "password": PASSWORD}, "email", "invalid"),
        ({"email": "ada@example.com", "password": ["a"]}, "password", "invalid"),
    ],
)
def test_faulty_input_is_named(api: ApiClient, body: dict[str, Any], field: str, code: str) -> None:
    make_user(email="ada@example.com")
    response = api.post("auth/login/", body)
    assert response.status_code == 400
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [(field, code)]


def test_an_old_hash_is_renewed_at_sign_in(api: ApiClient, settings) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    user = make_user(email="ada@example.com")
    User.objects.update(password=hashers.make_password(PASSWORD, hasher="pbkdf2_sha256"))
    body = log_in(api, "ada@example.com").json()
    user.refresh_from_db()
    assert user.password.startswith("md5$")
    assert user.token_version == 0  # a renewed hash is not a new password: nobody is signed out
    assert api.get("auth/profile/", Authorization=f"Bearer {body['access']}").status_code == 200


def test_argon2id_comes_first() -> None:
    from config.settings import base

    assert base.PASSWORD_HASHERS[0] == "django.contrib.auth.hashers.Argon2PasswordHasher"
    hasher = hashers.Argon2PasswordHasher()
    assert hasher.encode(PASSWORD, "somesalt").startswith("argon2$argon2id$")
    assert shop_settings.PASSWORD_MAX_LENGTH == 128


def test_a_guests_cart_is_merged_and_an_unknown_one_is_no_obstacle(api: ApiClient) -> None:
    make_user(email="ada@example.com")
    product = make_product(stock=5)
    added = api.post("cart/add/", {"product_id": str(product.pk), "quantity": 2})
    assert added.status_code == 201, added.content
    guest = added["X-Cart-Token"]
    body = log_in(api, "ada@example.com", X_Cart_Token=guest).json()
    cart = api.get("cart/", Authorization=f"Bearer {body['access']}").json()
    assert [(line["product_id"], line["quantity"]) for line in cart["items"]] == [(str(product.pk), 2)]
    for token in (guest, "unknown", "x" * 5_000):
        assert log_in(api, "ada@example.com", X_Cart_Token=token).status_code == 200
    again = api.get("cart/", Authorization=f"Bearer {body['access']}").json()
    assert again["items"] == cart["items"]


def test_goods_of_a_guests_cart_that_find_no_place_are_reported(api: ApiClient) -> None:
    make_user(email="ada@example.com")
    product = make_product(stock=5)
    guest = api.post("cart/add/", {"product_id": str(product.pk), "quantity": 4})["X-Cart-Token"]
    Stock.objects.update(on_hand=3)
    body = log_in(api, "ada@example.com", X_Cart_Token=guest).json()
    assert [problem["code"] for problem in body["cart_problems"]] == ["out_of_stock"]


def test_a_cart_that_cannot_be_merged_does_not_withhold_the_tokens(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.accounts.api import guest_carts
    from core.errors import Unavailable

    def refuse(**_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(guest_carts, "merge_guest_cart", refuse)
    make_user(email="ada@example.com")
    assert log_in(api, "ada@example.com", X_Cart_Token="anything").status_code == 200


def test_a_new_account_takes_the_guests_cart_along(api: ApiClient) -> None:
    product = make_product(stock=5)
    guest = api.post("cart/add/", {"product_id": str(product.pk), "quantity": 2})["X-Cart-Token"]
    fields = {"email": "new@example.com", "password": PASSWORD}
    body = api.post("auth/register/", fields, X_Cart_Token=guest).json()
    cart = api.get("cart/", Authorization=f"Bearer {body['access']}").json()
    assert cart["total_items"] == 2


def test_attempts_are_limited_per_network_whoever_they_ask_for(
    api: ApiClient, from_address: Headers, limits: Limits
) -> None:
    limits(login="3/hour")
    make_user(email="ada@example.com")
    home, office = from_address(), from_address()
    codes = [log_in(api, f"{secrets.token_hex(8)}@example.com", **home).status_code for _ in range(4)]
    assert codes == [401, 401, 401, 429]
    refused = log_in(api, "ada@example.com", **home)
    assert refused.status_code == 429
    assert refused.json()["code"] == "throttled"
    assert 1 <= int(refused["Retry-After"]) <= 3_601
    assert log_in(api, "ada@example.com", **office).status_code == 200


@pytest.mark.parametrize("is_known", [True, False])
def test_attempts_on_one_account_are_limited_over_all_networks(
    api: ApiClient, from_address: Headers, limits: Limits, is_known: bool
) -> None:
    limits(login="3/hour")
    name = "ada@example.com" if is_known else f"{secrets.token_hex(8)}@example.com"
    make_user(email="ada@example.com", username="ada")
    codes = [log_in(api, name, "guess", **from_address()).status_code for _ in range(6)]
    assert codes == [401, 401, 401, 429, 429, 429]


def test_the_account_is_counted_whichever_of_its_names_is_used(
    api: ApiClient, from_address: Headers, limits: Limits
) -> None:
    limits(login="3/hour")
    make_user(email="ada@example.com", username="ada")
    names = ["ada@example.com", "ada", "ADA@example.com ", "Ada"]
    codes = [log_in(api, name, "guess", **from_address()).status_code for name in names]
    assert codes == [401, 401, 401, 429]


def test_a_refused_attempt_does_not_look_at_the_password(
    api: ApiClient, from_address: Headers, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(login="2/hour")
    make_user(email="ada@example.com")
    looked_at: list[str] = []
    plain = sign_in_service._is_password_of
    monkeypatch.setattr(
        sign_in_service, "_is_password_of", lambda user, word: looked_at.append(word) or plain(user, word)
    )
    codes = [log_in(api, "ada@example.com", f"guess {n}", **from_address()).status_code for n in range(4)]
    assert codes == [401, 401, 429, 429]
    assert log_in(api, "ada@example.com", **from_address()).status_code == 429
    assert looked_at == ["guess 0", "guess 1"]


def test_strangers_do_not_lock_out_the_owner(api: ApiClient, from_address: Headers, limits: Limits) -> None:
    limits(login="3/hour")
    make_user(email="ada@example.com")
    home = from_address()
    assert log_in(api, "ada@example.com", **home).status_code == 200
    for _ in range(5):
        log_in(api, "ada@example.com", "guess", **from_address())
    assert log_in(api, "ada@example.com", **from_address()).status_code == 429
    assert log_in(api, "ada@example.com", **home).status_code == 200


def test_a_thousand_addresses_get_no_more_than_the_days_limit_of_one_account(
    api: ApiClient, from_address: Headers, limits: Limits
) -> None:
    limits(login="1000/minute", login_by_strangers="5/day")
    make_user(email="ada@example.com")
    home = from_address()
    assert log_in(api, "ada@example.com", **home).status_code == 200
    codes = [log_in(api, "ada@example.com", f"guess {n}", **from_address()).status_code for n in range(20)]
    assert codes.count(401) == 4  # the owner's first visit came from an address unknown until then
    assert [log_in(api, "ada@example.com", **home).status_code for _ in range(10)] == [200] * 10


def test_a_forged_forwarding_header_changes_nothing(api: ApiClient, limits: Limits) -> None:
    limits(login="3/hour")  # no trusted proxy: the header is what anybody writes
    forged = [{"X_Forwarded_For": f"203.0.113.{n}"} for n in range(20)]
    codes = [log_in(api, f"forged{n}@example.com", **header).status_code for n, header in enumerate(forged)]
    assert codes.count(401) <= 3
    assert codes[-1] == 429
