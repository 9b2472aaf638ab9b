"""POST cart/checkout/, orders/ and orders/create/: one checkout under three names."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import Address, User
from apps.cart.services.carts import read_cart
from apps.orders.models import Order
from core.ids import new_id
from tests.apps.orders.making import fill_cart, guest, nothing_was_ordered
from tests.factories import ADDRESS, default_variant, make_product, make_shipping, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User], ApiClient]
FIELDS = [
    "id", "order_number", "status", "payment_status", "payment_method", "items", "subtotal", "discount_amount",
    "tax_amount", "shipping_cost", "total_price", "currency", "shipping_address", "billing_address", "created_at",
    "updated_at", "delivered_at", "carrier", "tracking_number", "tracking_url",
]  # fmt: skip
ITEM_FIELDS = ["id", "product_id", "variant_id", "name", "sku", "quantity", "unit_price", "total"]


def faults(response: Any) -> list[tuple[str, str]]:
    """Return (field, code) of every fault the answer names."""
    assert response["Content-Type"] == "application/problem+json"
    return [(error["field"], error["code"]) for error in response.json()["errors"]]


def with_cart(user: User, price: str = "10.00", quantity: int = 2) -> User:
    fill_cart(user, (default_variant(make_product(price=price)), quantity))
    return user


@pytest.mark.parametrize("base", ["/api/v1/", "/api/"])
@pytest.mark.parametrize("path", ["cart/checkout/", "orders/", "orders/create/"])
def test_customer_orders_under_every_name(base: str, path: str, api_as: ApiAs, customer: User) -> None:
    variant = default_variant(make_product(price="10.00", name="Shirt", variant={"sku": "S-1"}))
    make_shipping(price="5.00")
    fill_cart(customer, (variant, 2))

    response = api_as(customer).post(f"{base}{path}", {"shipping_address": ADDRESS})

    assert response.status_code == 201
    order = Order.objects.get()
    body = response.json()
    assert list(body) == FIELDS
    assert response["Location"] == f"{base}orders/{order.pk}/"
    assert (body["id"], body["order_number"]) == (str(order.pk), order.order_number)
    assert (body["status"], body["payment_status"], body["payment_method"]) == ("confirmed", "pending", "cod")
    assert (body["subtotal"], body["shipping_cost"], body["tax_amount"]) == ("20.00", "5.00", "0.00")
    assert (body["discount_amount"], body["total_price"], body["currency"]) == ("0.00", "25.00", "USD")
    assert body["shipping_address"] == body["billing_address"] == ADDRESS
    assert body["delivered_at"] is None
    [item] = body["items"]
    assert list(item) == ITEM_FIELDS
    assert item | {"id": ""} == {
        "id": "",
        "product_id": str(variant.product_id),
        "variant_id": str(variant.pk),
        "name": "Shirt",
        "sku": "S-1",
        "quantity": 2,
        "unit_price": "10.00",
        "total": "20.00",
    }


def test_guest_orders_and_reads_the_order_with_its_token(api: ApiClient) -> None:
    owner, api.cart_token = guest()
    fill_cart(owner, (default_variant(make_product()), 1))

    placed = api.post("cart/checkout/", {"shipping_address": ADDRESS, "email": "Ada@Example.com"})

    assert placed.status_code == 201
    body = placed.json()
    assert list(body) == [*FIELDS, "order_token"]
    assert Order.objects.get().email == "ada@example.com"
    shown = ApiClient(Client(), order_token=body["order_token"]).get(f"orders/{body['id']}/")
    assert shown.status_code == 200
    assert "order_token" not in shown.json()


def test_customers_order_has_no_token(api_as: ApiAs, customer: User) -> None:
    body = api_as(with_cart(customer)).post("orders/", {"shipping_address": ADDRESS}).json()

    assert "order_token" not in body


def test_guest_without_email_is_told_which_field(api: ApiClient) -> None:
    owner, api.cart_token = guest()
    fill_cart(owner, (default_variant(make_product()), 1))

    response = api.post("cart/checkout/", {"shipping_address": ADDRESS})

    assert (response.status_code, faults(response)) == (400, [("email", "required")])
    assert nothing_was_ordered()


@pytest.mark.parametrize(
    "email", ["no-address", "a@b", "x" * 250 + "@example.com", "a@example.com\nBcc: b@example.com"]
)
def test_malformed_email_is_refused(email: str, api: ApiClient) -> None:
    owner, api.cart_token = guest()
    fill_cart(owner, (default_variant(make_product()), 1))

    response = api.post("cart/checkout/", {"shipping_address": ADDRESS, "email": email})

    assert response.status_code == 400
    assert {field for field, _ in faults(response)} == {"email"}


@pytest.mark.parametrize("token", ["", "x", "Z" * 43])
def test_guest_without_a_cart_has_an_empty_one(token: str, api: ApiClient) -> None:
    api.cart_token = token

    response = api.post("cart/checkout/", {"shipping_address": ADDRESS, "email": "a@example.com"})

    assert (response.status_code, response.json()["code"]) == (409, "cart_empty")


def test_token_of_somebody_elses_cart_is_needed_to_order_it(api: ApiClient) -> None:
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))
    _, api.cart_token = guest()

    response = api.post("cart/checkout/", {"shipping_address": ADDRESS, "email": "a@example.com"})

    assert (response.status_code, response.json()["code"]) == (409, "cart_empty")
    assert nothing_was_ordered()


def test_empty_cart_is_a_conflict(api_as: ApiAs, customer: User) -> None:
    response = api_as(customer).post("orders/create/", {"shipping_address": ADDRESS})

    assert (response.status_code, response.json()["code"]) == (409, "cart_empty")


def test_saved_address_is_named_by_its_id(api_as: ApiAs, customer: User) -> None:
    address = Address.objects.create(user=customer, **{**ADDRESS, "full_name": "At home"})

    body = api_as(with_cart(customer)).post("orders/", {"shipping_address": str(address.pk)}).json()

    assert body["shipping_address"] == {**ADDRESS, "full_name": "At home"}


@pytest.mark.parametrize("whose", ["other", "nobody"])
def test_address_of_somebody_else_does_not_exist(whose: str, api_as: ApiAs, customer: User) -> None:
    other = Address.objects.create(user=make_user(), **ADDRESS)
    address_id = other.pk if whose == "other" else new_id()

    response = api_as(with_cart(customer)).post(
        "orders/", {"shipping_address": ADDRESS, "billing_address": str(address_id)}
    )

    assert (response.status_code, faults(response)) == (400, [("billing_address", "not_found")])
    assert nothing_was_ordered()


def test_guest_has_no_saved_addresses(api: ApiClient) -> None:
    address = Address.objects.create(user=make_user(), **ADDRESS)
    owner, api.cart_token = guest()
    fill_cart(owner, (default_variant(make_product()), 1))

    response = api.post("orders/", {"shipping_address": str(address.pk), "email": "a@example.com"})

    assert (response.status_code, faults(response)) == (400, [("shipping_address", "not_found")])


def test_address_may_be_one_line_of_text(api_as: ApiAs, customer: User, settings: Settings) -> None:
    settings.STORE_COUNTRY = "BD"

    response = api_as(with_cart(customer)).post("orders/", {"shipping_address": " 12 Lake Road, ধানমন্ডি, Dhaka "})

    assert response.status_code == 201
    assert response.json()["shipping_address"] == {
        **dict.fromkeys(ADDRESS, ""),
        "address_line1": "12 Lake Road, ধানমন্ডি, Dhaka",
        "country": "BD",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"country": "XX"}, ("shipping_address.country", "unknown_country")),
        ({"country": "us"}, ("shipping_address.country", "unknown_country")),
        ({"country": "USA"}, ("shipping_address.country", "unknown_country")),
        ({"country": None}, ("shipping_address.country", "null")),
        ({"country": 1}, ("shipping_address.country", "invalid")),
        ({"full_name": " "}, ("shipping_address.full_name", "blank")),
        ({"city": "x" * 101}, ("shipping_address.city", "max_length")),
        ({"address_line1": "1 Road\x00"}, ("shipping_address.address_line1", "control")),
        ({"state": ["TX"]}, ("shipping_address.state", "invalid")),
    ],
)
def test_faulty_address_names_the_field(
    change: dict[str, Any], expected: tuple[str, str], api_as: ApiAs, customer: User
) -> None:
    response = api_as(with_cart(customer)).post("orders/", {"shipping_address": {**ADDRESS, **change}})

    assert response.status_code == 400
    assert faults(response) == [expected]
    assert nothing_was_ordered()


@pytest.mark.parametrize(
    ("address", "code"),
    [(None, "null"), (1, "invalid"), ([], "invalid"), ("", "blank"), ("x" * 501, "max_length"), (True, "invalid")],
)
def test_address_that_is_no_address(address: Any, code: str, api_as: ApiAs, customer: User) -> None:
    response = api_as(with_cart(customer)).post("orders/", {"shipping_address": address})

    assert (response.status_code, faults(response)) == (400, [("shipping_address", code)])


def test_every_fault_is_listed_at_once(api_as: ApiAs, customer: User) -> None:
    response = api_as(with_cart(customer)).post(
        "orders/", {"billing_address": {"full_name": "A"}, "expected_total": "-1", "notes": 5}
    )

    assert response.status_code == 400
    assert sorted(faults(response)) == [
        ("billing_address.address_line1", "required"),
        ("billing_address.city", "required"),
        ("billing_address.country", "required"),
        ("expected_total", "min_value"),
        ("notes", "invalid"),
        ("shipping_address", "required"),
    ]


def test_payment_method_that_is_not_offered_names_the_others(api_as: ApiAs, customer: User) -> None:
    response = api_as(with_cart(customer)).post("orders/", {"shipping_address": ADDRESS, "payment_method": "gold"})

    assert (response.status_code, faults(response)) == (400, [("payment_method", "invalid_choice")])
    assert "cod, simulated" in response.json()["errors"][0]["detail"]


def test_unknown_shipping_method_names_the_field(api_as: ApiAs, customer: User) -> None:
    make_shipping(code="standard")

    response = api_as(with_cart(customer)).post("orders/", {"shipping_address": ADDRESS, "shipping_method": "pigeon"})

    assert response.status_code == 400
    assert [field for field, _ in faults(response)] == ["shipping_method"]


def test_total_that_changed_is_a_conflict_with_both_figures(api_as: ApiAs, customer: User) -> None:
    response = api_as(with_cart(customer)).post("orders/", {"shipping_address": ADDRESS, "expected_total": "19.00"})

    body = response.json()
    assert (response.status_code, body["code"]) == (409, "total_changed")
    assert (body["expected_total"], body["total_amount"], body["currency"]) == ("19.00", "20.00", "USD")
    assert nothing_was_ordered()


def test_customer_sets_nothing_that_is_the_shops(api_as: ApiAs, customer: User) -> None:
    other = make_user()
    wanted = {
        "id": str(new_id()), "order_number": "MINE", "status": "delivered", "payment_status": "paid",
        "total_price": "0.01", "total_amount": "0.01", "subtotal": "0.01", "shipping_cost": "0", "tax_amount": "0",
        "discount_amount": "19", "currency": "JPY", "user": str(other.pk), "user_id": str(other.pk),
        "email": "elsewhere@example.com", "items": [{"quantity": 99, "unit_price": "0.01"}],
        "created_at": "2001-01-01T00:00:00Z", "expires_at": None, "version": 9, "is_staff": True,
    }  # fmt: skip

    response = api_as(with_cart(customer)).post("orders/", {**wanted, "shipping_address": ADDRESS})

    assert response.status_code == 201
    order = Order.objects.get()
    assert (order.user, order.email, order.status, order.payment_status, order.version) == (
        customer, customer.email, "confirmed", "pending", 1,
    )  # fmt: skip
    assert (order.total_amount, order.discount_amount, order.currency) == (Decimal("20.00"), 0, "USD")
    assert str(order.pk) != wanted["id"]
    assert order.created_at.year > 2001


def test_same_key_places_one_order_and_gets_the_same_answer(api: ApiClient, new_key: str) -> None:
    owner, api.cart_token = guest()
    fill_cart(owner, (default_variant(make_product()), 1))
    body = {"shipping_address": ADDRESS, "email": "a@example.com"}

    first = api.post("orders/", body, Idempotency_Key=new_key)
    again = api.post("orders/", body, Idempotency_Key=new_key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert Order.objects.count() == 1


def test_key_of_a_refused_checkout_can_be_used_again(api_as: ApiAs, customer: User, new_key: str) -> None:
    client, body = api_as(customer), {"shipping_address": ADDRESS}
    assert client.post("orders/", body, Idempotency_Key=new_key).status_code == 409

    with_cart(customer)

    assert client.post("orders/", body, Idempotency_Key=new_key).status_code == 201


def test_same_key_with_another_address_is_refused(api_as: ApiAs, customer: User, new_key: str) -> None:
    client = api_as(with_cart(customer))
    client.post("orders/", {"shipping_address": ADDRESS}, Idempotency_Key=new_key)

    response = client.post("orders/", {"shipping_address": "Elsewhere 1"}, Idempotency_Key=new_key)

    assert response.status_code == 422
    assert Order.objects.count() == 1


def test_refused_checkout_leaves_the_cart(api_as: ApiAs, customer: User) -> None:
    api_as(with_cart(customer)).post("orders/", {"shipping_address": {}})

    assert [line.quantity for line in read_cart(owner=fill_cart(customer)).lines] == [2]


def test_language_of_the_request_is_that_of_the_mails(api_as: ApiAs, customer: User) -> None:
    api_as(with_cart(customer)).post("orders/", {"shipping_address": ADDRESS}, Accept_Language="bn")

    assert Order.objects.get().language == "bn"


def test_checkouts_have_a_limit_that_reading_does_not_use_up(api_as: ApiAs, customer: User, settings: Settings) -> None:
    settings.THROTTLE_ENABLED = True
    settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "checkout": "2/hour", "default": "100/hour"}
    client = api_as(customer)

    reads = [client.get("orders/").status_code for _ in range(4)]
    tries = [client.post(path, {}).status_code for path in ("orders/", "orders/create/", "cart/checkout/")]

    assert reads == [200, 200, 200, 200]
    assert tries == [400, 400, 429]


def test_checkout_takes_at_most_sixteen_statements(
    api_as: ApiAs, customer: User, new_key: str, django_assert_max_num_queries: Any
) -> None:
    make_shipping()
    client = api_as(with_cart(customer))

    with django_assert_max_num_queries(17):  # 15, and the savepoint that a test's own transaction needs
        assert client.post("orders/", {"shipping_address": ADDRESS}, Idempotency_Key=new_key).status_code == 201
