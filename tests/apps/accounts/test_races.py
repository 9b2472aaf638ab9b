"""What many do to one account at once, on real connections; each guard has a control that goes wrong without it."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from apps.accounts import locks
from apps.accounts.invariants import (
    one_default_address_per_type,
    one_unused_refresh_token,
    successors_stay_in_the_family,
)
from apps.accounts.models import Address, LoginSession, RefreshToken, User
from apps.accounts.services import addresses, registration, tokens
from apps.accounts.services.activation import deactivate_account
from apps.accounts.services.tokens import ClientInfo, TokenPair, start_session
from core import clock
from core.events.models import OutboxEvent
from tests.apps.accounts.conftest import Clock, Limits
from tests.factories import ADDRESS, PASSWORD, make_user
from tests.http import ApiClient

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLIENTS = 32
PAUSE_SECONDS = 0.05  # between reading and writing, so that a race that can happen does


def at_once(task: Callable[[int], Any], *, clients: int = CLIENTS) -> list[Any]:
    """Run task(0), task(1) … on a connection each, released together; return results, an exception in its place."""
    barrier = threading.Barrier(clients)

    def run(number: int) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait()
            return task(number)
        except Exception as error:  # noqa: BLE001 - the outcome is what is looked at
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(run, range(clients)))


def post(path: str, data: Any, **headers: str) -> Any:
    return ApiClient(Client()).post(path, data, **headers)


def statuses(responses: list[Any]) -> Counter[int]:
    assert [response for response in responses if isinstance(response, Exception)] == []
    return Counter(response.status_code for response in responses)


@pytest.fixture
def pair() -> TokenPair:
    return start_session(user=make_user(), client=ClientInfo(ip_address=None), now=clock.now())


@pytest.fixture
def slow_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tokens._exchange

    def exchange(*args: Any) -> RefreshToken:
        time.sleep(PAUSE_SECONDS)
        return plain(*args)

    monkeypatch.setattr(tokens, "_exchange", exchange)


@pytest.fixture
def no_session_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        locks,
        "lock_session",
        lambda *, session_id, user_id: LoginSession.objects.select_related("user").get(pk=session_id, user_id=user_id),
    )


@pytest.fixture
def no_unique_key() -> Iterator[None]:
    key = next(each for each in RefreshToken._meta.constraints if each.name == "one_unused_refresh_token")
    with connection.schema_editor() as editor:
        editor.remove_constraint(RefreshToken, key)
    yield
    RefreshToken.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(RefreshToken, key)


def refresh_at_once(token: str) -> list[Any]:
    return at_once(lambda _: post("auth/refresh/", {"refresh": token}))


def live_tokens() -> int:
    return RefreshToken.objects.filter(used_at=None, session__revoked_at=None).count()


def test_thirty_two_refreshes_of_one_token_leave_one_live_successor(pair: TokenPair, slow_exchange: None) -> None:
    responses = refresh_at_once(pair.refresh)
    assert statuses(responses) == {200: CLIENTS}
    successors = {response.json()["refresh"] for response in responses}
    assert len(successors) == 1
    assert live_tokens() == 1
    assert post("auth/refresh/", {"refresh": successors.pop()}).status_code == 200
    assert [*one_unused_refresh_token(), *successors_stay_in_the_family()] == []


def test_control_without_lock_and_unique_key_one_token_becomes_many(
    pair: TokenPair, slow_exchange: None, no_session_lock: None, no_unique_key: None
) -> None:
    responses = refresh_at_once(pair.refresh)
    assert len({response.json()["refresh"] for response in responses if response.status_code == 200}) > 1
    assert live_tokens() > 1
    assert len(list(one_unused_refresh_token())) == 1


def test_control_without_lock_the_unique_key_still_holds_but_clients_see_errors(
    pair: TokenPair, slow_exchange: None, no_session_lock: None
) -> None:
    responses = refresh_at_once(pair.refresh)
    assert any(isinstance(response, IntegrityError) for response in responses)
    assert live_tokens() == 1


def test_reuse_at_once_ends_the_sign_in_once(
    pair: TokenPair, monkeypatch: pytest.MonkeyPatch, slow_exchange: None
) -> None:
    successor = post("auth/refresh/", {"refresh": pair.refresh}).json()
    late = Clock()
    late.advance(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: late.now)
    assert statuses(refresh_at_once(pair.refresh)) == {401: CLIENTS}
    assert live_tokens() == 0
    assert OutboxEvent.objects.filter(name="accounts.refresh_token_reused").count() == 1
    assert post("auth/refresh/", {"refresh": successor["refresh"]}).status_code == 401


@pytest.mark.parametrize("ending", ["logout", "closing"])
def test_no_exchange_outlives_the_end_of_the_sign_in(pair: TokenPair, slow_exchange: None, ending: str) -> None:
    def act(number: int) -> Any:
        if number:
            return post("auth/refresh/", {"refresh": pair.refresh})
        time.sleep(PAUSE_SECONDS / 2)
        if ending == "closing":
            return deactivate_account(user_id=pair.user.pk, now=clock.now())
        return post("auth/logout/", {"refresh": pair.refresh}, Authorization=f"Bearer {pair.access}")

    responses = at_once(act, clients=8)[1:]
    assert set(statuses(responses)) <= {200, 401}
    assert live_tokens() == 0
    for body in [response.json() for response in responses if response.status_code == 200]:
        assert post("auth/refresh/", {"refresh": body["refresh"]}).status_code == 401
        profile = ApiClient(Client(), access=body["access"]).get("auth/profile/")
        assert profile.status_code == 401


@pytest.fixture
def slow_insert(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = registration._insert

    def insert(user: User, language: str) -> None:
        time.sleep(PAUSE_SECONDS)
        plain(user, language)

    monkeypatch.setattr(registration, "_insert", insert)


@pytest.mark.parametrize(("field", "same"), [("email", "ada@example.com"), ("username", "ada")])
def test_of_many_registrations_with_one_name_one_succeeds(slow_insert: None, field: str, same: str) -> None:
    def register(number: int) -> Any:
        body = {"email": f"p{number}@example.com", "username": f"p{number}", "password": PASSWORD, field: same}
        return post("auth/register/", body)

    responses = at_once(register, clients=16)
    assert statuses(responses) == {201: 1, 400: 15}
    refused = [response.json()["errors"] for response in responses if response.status_code == 400]
    assert {(error["field"], error["code"]) for errors in refused for error in errors} == {(field, "unique")}
    assert User.objects.count() == 1


def test_control_without_the_second_look_the_losers_break(monkeypatch: pytest.MonkeyPatch) -> None:
    def insert(user: User, language: str) -> None:
        time.sleep(PAUSE_SECONDS)
        user.save(force_insert=True)

    monkeypatch.setattr(registration, "_insert", insert)
    body = {"email": "ada@example.com", "password": PASSWORD}
    responses = at_once(lambda _: post("auth/register/", body), clients=8)
    assert any(isinstance(response, IntegrityError) for response in responses)
    assert User.objects.count() == 1


def test_of_two_profiles_one_gets_the_username() -> None:
    people = [make_user() for _ in range(8)]
    access = [start_session(user=p, client=ClientInfo(ip_address=None), now=clock.now()).access for p in people]
    responses = at_once(
        lambda number: ApiClient(Client(), access=access[number]).patch("auth/profile/", {"username": "ada"}), clients=8
    )
    assert statuses(responses) == {200: 1, 400: 7}
    assert User.objects.filter(username="ada").count() == 1


@pytest.fixture
def slow_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = addresses._step_back_for

    def step_back(address: Address) -> None:
        plain(address)
        time.sleep(PAUSE_SECONDS / 5)

    monkeypatch.setattr(addresses, "_step_back_for", step_back)


def save_defaults(user: User, *, clients: int = 16) -> list[Any]:
    data = {**ADDRESS, "is_default": True}
    return at_once(lambda _: addresses.create_address(user=user, data=data), clients=clients)


def test_many_new_defaults_leave_one_default(slow_addresses: None) -> None:
    user = make_user()
    assert [each for each in save_defaults(user) if isinstance(each, Exception)] == []
    assert Address.objects.filter(user=user, is_default=True).count() == 1
    assert Address.objects.filter(user=user).count() == 16
    assert list(one_default_address_per_type()) == []


def test_the_limit_of_addresses_is_exact(slow_addresses: None) -> None:
    user = make_user()
    Address.objects.bulk_create([Address(user=user, **ADDRESS) for _ in range(addresses.ADDRESSES_MAX - 3)])
    outcomes = Counter(type(each).__name__ for each in save_defaults(user))
    assert outcomes == {"Address": 3, "TooManyAddresses": 13}
    assert Address.objects.filter(user=user).count() == addresses.ADDRESSES_MAX


@pytest.fixture
def no_user_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "lock_user", lambda user_id: None)


def test_control_without_the_lock_new_defaults_collide(slow_addresses: None, no_user_lock: None) -> None:
    assert any(isinstance(each, IntegrityError) for each in save_defaults(make_user()))


def test_control_without_the_lock_the_limit_leaks(slow_addresses: None, no_user_lock: None) -> None:
    user = make_user()
    Address.objects.bulk_create([Address(user=user, **ADDRESS) for _ in range(addresses.ADDRESSES_MAX - 1)])
    at_once(lambda _: addresses.create_address(user=user, data=ADDRESS), clients=16)
    assert Address.objects.filter(user=user).count() > addresses.ADDRESSES_MAX


@pytest.mark.parametrize("one", ["network", "account"])
def test_a_hundred_guesses_at_once_get_no_more_than_ten_answers(settings, limits: Limits, one: str) -> None:
    settings.TRUSTED_PROXIES = 1
    limits(login="10/hour")
    make_user(email="ada@example.com")
    prefix, home = secrets.token_hex(2), f"2001:db8:{secrets.token_hex(2)}:1::1"

    def guess(number: int) -> Any:
        network = home if one == "network" else f"2001:db8:{prefix}:{number:x}::1"
        name = "ada@example.com" if one == "account" else f"{secrets.token_hex(8)}@example.com"
        return post("auth/login/", {"email": name, "password": "guess"}, X_Forwarded_For=network)

    responses = [each for turn in range(4) for each in at_once(lambda n, turn=turn: guess(25 * turn + n), clients=25)]
    assert statuses(responses) == {401: 10, 429: 90}
