"""Saved addresses: one's own, with one default per type."""

from typing import Any

import pytest

from apps.accounts import selectors
from apps.accounts.models import Address, User
from apps.accounts.services import addresses
from core.ids import new_id
from tests.factories import ADDRESS, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def client(api_as, user: User) -> ApiClient:
    client: ApiClient = api_as(user)
    client.base = "/api/v2/"
    return client


def save(user: User, **fields: Any) -> Address:
    return addresses.create_address(user=user, data={**ADDRESS, **fields})


def defaults_of(user: User, kind: str = "shipping") -> list[str]:
    return [str(row.pk) for row in Address.objects.filter(user=user, address_type=kind, is_default=True)]


@pytest.mark.parametrize("base", ["/api/v2/", "/api/auth/"])
def test_an_address_is_saved_shown_listed_changed_and_forgotten(client: ApiClient, base: str) -> None:
    client.base = base
    made = client.post("addresses/", {**ADDRESS, "country": "us"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert body == {"id": body["id"], "address_type": "shipping", **ADDRESS, "is_default": False}
    assert made["Location"] == f"{base}addresses/{body['id']}/"
    assert client.get(made["Location"]).json() == body
    page = {"count": 1, "next": None, "previous": None, "results": [body]}
    assert client.get("addresses/").json() == page
    changed = client.patch(made["Location"], {"city": "Dallas", "address_type": "billing"})
    assert changed.status_code == 200
    assert changed.json() == {**body, "city": "Dallas", "address_type": "billing"}
    assert client.get(made["Location"]).json() == changed.json()
    assert client.delete(made["Location"]).status_code == 204
    assert client.get(made["Location"]).status_code == 404
    assert client.delete(made["Location"]).status_code == 404


def test_a_new_default_takes_the_place_of_the_old_one_of_its_type(client: ApiClient, user: User) -> None:
    first = save(user, is_default=True)
    billing = save(user, is_default=True, address_type="billing")
    second = client.post("addresses/", {**ADDRESS, "is_default": True}).json()["id"]
    assert defaults_of(user) == [second]
    assert client.patch(f"addresses/{first.pk}/", {"is_default": True}).json()["is_default"] is True
    assert defaults_of(user) == [str(first.pk)]
    assert defaults_of(user, "billing") == [str(billing.pk)]
    client.patch(f"addresses/{billing.pk}/", {"address_type": "shipping"})
    assert defaults_of(user) == [str(billing.pk)]
    client.patch(f"addresses/{billing.pk}/", {"is_default": False})
    assert defaults_of(user) == []


def test_defaults_are_listed_first_then_the_newest(client: ApiClient, user: User) -> None:
    made = [save(user) for _ in range(3)]
    favourite = save(user, is_default=True)
    save(user)
    listed = [row["id"] for row in client.get("addresses/").json()["results"]]
    assert listed[0] == str(favourite.pk)
    assert [row for row in listed if row in {str(address.pk) for address in made}] == [
        str(address.pk) for address in reversed(made)
    ]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_somebody_elses_address_is_not_found(client: ApiClient, method: str) -> None:
    theirs = save(make_user(), is_default=True)
    before = Address.objects.values().get(pk=theirs.pk)
    answers = [
        getattr(client, method)(f"addresses/{address_id}/", X_Request_ID="the-same-id")
        for address_id in (theirs.pk, new_id())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert Address.objects.values().get(pk=theirs.pk) == before


def test_a_foreign_default_is_left_alone(client: ApiClient) -> None:
    other = make_user()
    theirs = save(other, is_default=True)
    client.post("addresses/", {**ADDRESS, "is_default": True})
    assert defaults_of(other) == [str(theirs.pk)]


@pytest.mark.parametrize("extra", [{"user": "other"}, {"user_id": "other"}, {"id": str(new_id())}])
def test_owner_and_id_are_never_assigned(client: ApiClient, user: User, extra: dict[str, str]) -> None:
    other = make_user()
    extra = {name: str(other.pk) if value == "other" else value for name, value in extra.items()}
    made = client.post("addresses/", {**ADDRESS, **extra}).json()
    assert Address.objects.get().user_id == user.pk
    assert made["id"] != extra.get("id")
    client.patch(f"addresses/{made['id']}/", extra)
    assert (str(Address.objects.get().pk), Address.objects.get().user_id) == (made["id"], user.pk)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"full_name": ""}, "full_name", "blank"),
        ({"address_line1": None}, "address_line1", "null"),
        ({"city": "x" * 101}, "city", "max_length"),
        ({"country": "XX"}, "country", "unknown_country"),
        ({"country": "USA"}, "country", "max_length"),
        ({"country": "U"}, "country", "min_length"),
        ({"country": 12}, "country", "invalid"),
        ({"address_type": "home"}, "address_type", "invalid_choice"),
        ({"address_type": ["billing"]}, "address_type", "invalid_choice"),
        ({"is_default": "yes"}, "is_default", "invalid"),
        ({"is_default": 1}, "is_default", "invalid"),
        ({"is_default": None}, "is_default", "null"),
        ({"postal_code": "a\x00"}, "postal_code", "control"),
    ],
)
def test_faulty_input_is_named_and_changes_nothing(
    client: ApiClient, user: User, change: dict[str, Any], field: str, code: str
) -> None:
    kept = save(user)
    before = Address.objects.values().get()
    for response in (
        client.post("addresses/", {**ADDRESS, **change}),
        client.patch(f"addresses/{kept.pk}/", {"city": "Dallas", **change}),
    ):
        assert response.status_code == 400, response.content
        assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [(field, code)]
    assert Address.objects.values().get() == before


def test_missing_parts_are_named(client: ApiClient) -> None:
    response = client.post("addresses/", {})
    assert {(error["field"], error["code"]) for error in response.json()["errors"]} == {
        (name, "required") for name in ("full_name", "address_line1", "city", "country")
    }


def test_an_account_holds_fifty_addresses(client: ApiClient, user: User) -> None:
    Address.objects.bulk_create([Address(user=user, **ADDRESS) for _ in range(addresses.ADDRESSES_MAX)])
    response = client.post("addresses/", {**ADDRESS, "is_default": True})
    assert response.status_code == 409
    assert response.json()["code"] == "too_many_addresses"
    assert Address.objects.count() == 50
    assert defaults_of(user) == []


@pytest.mark.parametrize(
    ("method", "path"), [("get", ""), ("post", ""), ("get", "id"), ("patch", "id"), ("delete", "id")]
)
def test_addresses_need_an_account(api: ApiClient, method: str, path: str) -> None:
    kept = save(make_user())
    response = getattr(api, method)(f"/api/v2/addresses/{f'{kept.pk}/' if path else ''}")
    assert response.status_code == 401
    assert Address.objects.count() == 1


def test_a_snapshot_holds_the_text_and_nothing_else(user: User) -> None:
    address = selectors.access_address(user=user, address_id=save(user, is_default=True).pk)
    assert selectors.address_snapshot(address) == ADDRESS


def test_the_list_takes_as_many_statements_for_ten_as_for_fifty(
    client: ApiClient, user: User, django_assert_num_queries
) -> None:
    for size in (10, 40):
        Address.objects.bulk_create([Address(user=user, **ADDRESS) for _ in range(size)])
        with django_assert_num_queries(3):
            assert client.get("addresses/?page_size=100").json()["count"] in {10, 50}
