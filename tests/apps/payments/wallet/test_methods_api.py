"""Saved methods over HTTP: whose they are, what is shown, what is answered."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from apps.accounts.models import User
from apps.payments.gateways.base import GatewayError
from apps.payments.models import PaymentMethod
from apps.payments.services.wallet import METHODS_MAX, save_method
from core.ids import new_id
from tests.apps.payments.wallet.played import PlayedWallet, methods_of
from tests.contracts.test_statements import statements_of
from tests.factories import make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
PATH = "/api/v2/payment-methods/"
VISA = {"provider": "simulated", "payment_method_id": "visa_4242"}
SHOWN = {"id", "provider", "kind", "brand", "last4", "exp_month", "exp_year", "is_default", "created_at"}


@pytest.fixture
def owner(provider: PlayedWallet, customer: User, api_as: Callable[[User], ApiClient]) -> ApiClient:
    return api_as(customer)


@pytest.fixture
def stranger(provider: PlayedWallet, api_as: Callable[[User], ApiClient]) -> ApiClient:
    return api_as(make_user())


def save(client: ApiClient, token: str = "visa_4242", **members: Any) -> dict[str, Any]:
    response = client.post(PATH, {"provider": "simulated", "payment_method_id": token, **members})
    assert response.status_code == 201, response.content
    return dict(response.json())


def test_a_method_is_saved_listed_and_shown_without_its_reference(owner: ApiClient) -> None:
    saved = save(owner)
    assert saved.keys() == SHOWN
    assert {name: saved[name] for name in ("provider", "kind", "brand", "last4", "exp_month", "is_default")} == {
        "provider": "simulated", "kind": "card", "brand": "visa", "last4": "4242", "exp_month": 12, "is_default": True,
    }  # fmt: skip
    response = owner.get(PATH)
    assert response.json() == {"count": 1, "next": None, "previous": None, "results": [saved]}
    assert "pm_visa_4242" not in response.content.decode()
    assert response["Cache-Control"] == "private, no-store"


def test_the_compatible_door_answers_alike(owner: ApiClient) -> None:
    response = owner.post("/api/payments/payment-methods/", VISA)
    assert response.status_code == 201
    saved = response.json()
    assert owner.get("/api/payments/payment-methods/").json()["results"] == [saved]
    chosen = owner.post(f"/api/payments/payment-methods/{saved['id']}/set_default/")
    assert (chosen.status_code, chosen.json()) == (200, saved)
    assert owner.delete(f"/api/payments/payment-methods/{saved['id']}/").status_code == 204


def test_the_default_comes_first_then_the_newest(owner: ApiClient) -> None:
    for token in ("visa_0001", "visa_0002", "visa_0003"):
        save(owner, token)
    save(owner, "visa_0004", is_default=True)
    listed = [(row["last4"], row["is_default"]) for row in owner.get(PATH).json()["results"]]
    assert listed == [("0004", True), ("0003", False), ("0002", False), ("0001", False)]


def test_choosing_another_default(owner: ApiClient) -> None:
    save(owner)
    second = save(owner, "amex_8431")
    response = owner.post(f"{PATH}{second['id']}/set_default/")
    assert (response.status_code, response.json()) == (200, second | {"is_default": True})
    assert [row["is_default"] for row in owner.get(PATH).json()["results"]] == [True, False]


def test_a_deleted_method_is_gone_and_deleting_it_again_is_404(owner: ApiClient, provider: PlayedWallet) -> None:
    path = f"{PATH}{save(owner)['id']}/"
    response = owner.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert owner.get(PATH).json()["count"] == 0
    again = owner.delete(path)
    assert (again.status_code, again.json()["code"]) == (404, "payment_method_not_found")
    assert provider.calls.count("forget") == 1


def test_guests_are_401_everywhere(api: ApiClient, provider: PlayedWallet) -> None:
    one = f"{PATH}{new_id()}/"
    answers = [
        api.get(PATH), api.post(PATH, VISA), api.post(f"{PATH}setup/", {"provider": "simulated"}), api.delete(one),
        api.post(f"{one}set_default/"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [401] * 5
    assert provider.calls == []


def test_strangers_see_and_touch_nothing(owner: ApiClient, stranger: ApiClient, provider: PlayedWallet) -> None:
    mine = save(owner)
    before, calls = list(PaymentMethod.objects.values()), list(provider.calls)
    one = f"{PATH}{mine['id']}/"
    assert stranger.get(PATH).json()["results"] == []
    for answer in (
        stranger.delete(one),
        stranger.post(f"{one}set_default/"),
        stranger.post(PATH, VISA | {"payment_method_id": "pm_visa_4242"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "payment_method_not_found")
    assert (list(PaymentMethod.objects.values()), provider.calls) == (before, calls)


def test_the_admin_is_a_stranger_too(owner: ApiClient, admin: User, api_as: Callable[[User], ApiClient]) -> None:
    one = f"{PATH}{save(owner)['id']}/"
    desk = api_as(admin)
    assert (desk.get(PATH).json()["count"], desk.delete(one).status_code) == (0, 404)


def test_a_setup_gives_what_the_providers_page_needs(
    owner: ApiClient, settings: LazySettings, provider: PlayedWallet, new_key: str
) -> None:
    first = owner.post(f"{PATH}setup/", {"provider": "simulated"}, Idempotency_Key=new_key)
    assert first.status_code == 201
    setup = first.json()
    assert setup.keys() == {"provider", "setup_id", "client_secret", "public_key"}
    assert (setup["provider"], setup["public_key"]) == ("simulated", None)
    assert setup["client_secret"] == f"{setup['setup_id']}_secret"
    again = owner.post(f"{PATH}setup/", {"provider": "simulated"}, Idempotency_Key=new_key)
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert provider.calls.count("open_setup") == 1


def test_a_retry_with_its_key_saves_once(owner: ApiClient, provider: PlayedWallet, new_key: str) -> None:
    answers = [owner.post(PATH, VISA, Idempotency_Key=new_key) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert (provider.calls.count("save"), PaymentMethod.objects.count()) == (1, 1)
    other = owner.post(PATH, VISA | {"payment_method_id": "amex_8431"}, Idempotency_Key=new_key)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider": "simulated"}, "payment_method_id"),
        (VISA | {"payment_method_id": ""}, "payment_method_id"),
        (VISA | {"payment_method_id": "x" * 101}, "payment_method_id"),
        (VISA | {"payment_method_id": 7}, "payment_method_id"),
        (VISA | {"is_default": "yes"}, "is_default"),
        (VISA | {"provider": None}, "provider"),
        (VISA | {"provider": "cod"}, "provider"),
        (VISA | {"provider": "paypal"}, "provider"),
        ({"payment_method_id": "visa_4242"}, "provider"),  # stripe, unless said otherwise; not offered here
    ],
)
def test_what_cannot_be_valid_is_400_and_saves_nothing(owner: ApiClient, body: dict[str, Any], field: str) -> None:
    response = owner.post(PATH, body)
    assert (response.status_code, [error["field"] for error in response.json()["errors"]]) == (400, [field])
    assert PaymentMethod.objects.count() == 0


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (GatewayError("timeout", permanent=False), 503, "provider_unavailable"),
        (GatewayError("card_declined", permanent=True), 409, "provider_refused"),
    ],
)
def test_what_the_provider_does_not_do_is_told(
    owner: ApiClient, customer: User, provider: PlayedWallet, failure: GatewayError, status: int, code: str
) -> None:
    mine = save(owner)
    provider.failure = failure
    for answer in (owner.post(PATH, VISA), owner.delete(f"{PATH}{mine['id']}/")):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert methods_of(customer) == [("pm_visa_4242", "4242", 2034, True)]


def test_too_many_are_409(owner: ApiClient, customer: User) -> None:
    for number in range(METHODS_MAX):
        save_method(user=customer, provider="simulated", token=f"visa_{number:04}")
    response = owner.post(PATH, VISA)
    assert (response.status_code, response.json()["code"], response.json()["limit"]) == (
        409, "too_many_payment_methods", METHODS_MAX,
    )  # fmt: skip


def test_writing_is_limited_and_reading_is_not(owner: ApiClient, settings: LazySettings) -> None:
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"checkout": "1/minute"}
    settings.THROTTLE_ENABLED = True
    assert owner.post(PATH, VISA).status_code == 201
    assert owner.post(PATH, VISA).status_code == 429
    assert [owner.get(PATH).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("rows", [10, 100])
def test_the_list_takes_as_many_statements_for_more_methods(owner: ApiClient, customer: User, rows: int) -> None:
    PaymentMethod.objects.bulk_create(
        [PaymentMethod(user=customer, provider="simulated", reference=f"pm_{n}", last4="4242") for n in range(rows)]
    )
    assert statements_of(lambda: owner.get(f"{PATH}?page_size=100")) == 3


def test_statements_of_every_write(owner: ApiClient) -> None:
    counts = {"first": statements_of(lambda: owner.post(PATH, VISA), 201)}
    counts["setup"] = statements_of(lambda: owner.post(f"{PATH}setup/", {"provider": "simulated"}), 201)
    second = VISA | {"payment_method_id": "amex_8431", "is_default": True}
    counts["second"] = statements_of(lambda: owner.post(PATH, second), 201)
    visa = PaymentMethod.objects.get(last4="4242")
    counts["set default"] = statements_of(lambda: owner.post(f"{PATH}{visa.pk}/set_default/"))
    counts["delete default"] = statements_of(lambda: owner.delete(f"{PATH}{visa.pk}/"), 204)
    assert counts == {"first": 10, "setup": 3, "second": 8, "set default": 5, "delete default": 8}
