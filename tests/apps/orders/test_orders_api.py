"""Reading, moving and cancelling orders over HTTP: who may, and what they see."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from core.ids import new_id
from tests.apps.orders.making import checkout, fill_cart, guest, make_order, make_order_in, pay, stock_of
from tests.factories import ADDRESS, default_variant, make_product, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User], ApiClient]


def numbers(response: Any) -> list[str]:
    """Return the order numbers on the page."""
    assert response.status_code == 200, response.content
    return [order["order_number"] for order in response.json()["results"]]


@pytest.fixture
def guest_order() -> tuple[Order, str]:
    """An order of a guest and its token."""
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))
    placed = checkout(None, owner, email="ada@example.com")
    assert placed.order_token is not None
    return placed.order, placed.order_token


# --- Lists ----------------------------------------------------------------------------------------
def test_customer_sees_own_orders_newest_first(api_as: ApiAs, customer: User) -> None:
    make_order()
    first, second = make_order(user=customer), make_order(user=customer)

    assert numbers(api_as(customer).get("orders/")) == [second.order_number, first.order_number]


def test_admin_sees_all_orders(api_as: ApiAs, admin: User, guest_order: tuple[Order, str]) -> None:
    other = make_order()

    assert numbers(api_as(admin).get("orders/")) == [other.order_number, guest_order[0].order_number]


def test_seller_sees_orders_with_own_items_and_only_those_items(api_as: ApiAs, seller: User) -> None:
    own, foreign = default_variant(make_product(seller=seller, price="3.00")), default_variant(make_product())
    make_order((foreign, 1))
    mixed = make_order((own, 2), (foreign, 1))

    response = api_as(seller).get("orders/")

    assert numbers(response) == [mixed.order_number]
    [order] = response.json()["results"]
    assert [(item["variant_id"], item["total"]) for item in order["items"]] == [(str(own.pk), "6.00")]
    assert (order["subtotal"], order["total_price"], order["shipping_cost"]) == ("6.00", "6.00", "0.00")
    assert order["billing_address"] is None
    assert order["shipping_address"] == ADDRESS
    assert "email" not in order


def test_seller_sees_the_whole_of_an_own_purchase(api_as: ApiAs, seller: User) -> None:
    bought = make_order(user=seller)

    [order] = api_as(seller).get("orders/").json()["results"]

    assert (order["order_number"], len(order["items"]), order["total_price"]) == (bought.order_number, 1, "20.00")
    assert order["billing_address"] == ADDRESS


@pytest.mark.parametrize("path", ["orders/", "orders/history/"])
def test_lists_are_for_accounts(path: str, api: ApiClient, guest_order: tuple[Order, str]) -> None:
    api.order_token = guest_order[1]

    assert api.get(path).status_code == 401


def test_history_holds_finished_orders(api_as: ApiAs, customer: User) -> None:
    made = {status: make_order_in(status, user=customer).order_number for status in OrderStatus}

    assert numbers(api_as(customer).get("orders/history/")) == [
        made[OrderStatus.RETURNED], made[OrderStatus.CANCELLED], made[OrderStatus.DELIVERED],
    ]  # fmt: skip


def test_list_is_narrowed_by_status(api_as: ApiAs, customer: User) -> None:
    shipped = make_order_in(OrderStatus.SHIPPED, user=customer)
    make_order(user=customer)

    assert numbers(api_as(customer).get("orders/?status=shipped")) == [shipped.order_number]


def test_unknown_status_is_refused(api_as: ApiAs, customer: User) -> None:
    response = api_as(customer).get("orders/?status=lost")

    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "status")


def test_pages_hold_twenty(api_as: ApiAs, customer: User) -> None:
    _many(customer, 21)

    first = api_as(customer).get("orders/").json()

    assert (first["count"], len(first["results"]), first["previous"]) == (21, 20, None)
    assert first["next"].endswith("/api/v1/orders/?page=2")
    assert len(api_as(customer).get("orders/?page=2").json()["results"]) == 1


@pytest.mark.parametrize("path", ["orders/", "orders/history/"])
@pytest.mark.parametrize("role", ["customer", "seller", "admin"])
def test_lists_cost_the_same_for_ten_and_a_hundred(path: str, role: str, api_as: ApiAs, request: Any) -> None:
    user: User = request.getfixturevalue(role)
    product = make_product(seller=user if role == "seller" else None, stock=1_000)
    client = api_as(user)
    _many(user, 10, product, finished=True)
    ten = _statements(client, f"{path}?page_size=100", 10)
    _many(user, 90, product, finished=True)
    hundred = _statements(client, f"{path}?page_size=100", 100)

    assert ten == hundred
    assert hundred <= 5


# --- One order ------------------------------------------------------------------------------------
def test_order_is_shown_to_owner_admin_and_seller(api_as: ApiAs, customer: User, admin: User, seller: User) -> None:
    order = make_order((default_variant(make_product(seller=seller)), 1), user=customer)

    answers = [api_as(user).get(f"orders/{order.pk}/") for user in (customer, admin, seller)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.json()["order_number"] for answer in answers} == {order.order_number}


@pytest.mark.parametrize("method", ["get", "delete"])
def test_order_of_somebody_else_does_not_exist(method: str, api_as: ApiAs, seller: User) -> None:
    order = make_order()

    foreign = [getattr(api_as(user), method)(f"orders/{order.pk}/") for user in (make_user(), seller)]
    absent = getattr(api_as(make_user()), method)(f"orders/{new_id()}/")

    assert [(answer.status_code, answer.json()["code"]) for answer in [*foreign, absent]] == [
        (404, "order_not_found")
    ] * 3


@pytest.mark.parametrize("token", ["", "wrong", "é" * 20, "a" * 10_000])
def test_order_token_opens_its_own_order_only(token: str, guest_order: tuple[Order, str]) -> None:
    other = make_order()
    right, wrong = ApiClient(Client(), order_token=guest_order[1]), ApiClient(Client(), order_token=token)

    assert right.get(f"orders/{guest_order[0].pk}/").status_code == 200
    assert right.get(f"orders/{other.pk}/").status_code == 404
    assert wrong.get(f"orders/{guest_order[0].pk}/").status_code == (404 if token else 401)
    assert wrong.get(f"orders/{other.pk}/").status_code == (404 if token else 401)


def test_account_with_the_guests_address_does_not_see_the_guests_order(
    api_as: ApiAs, guest_order: tuple[Order, str]
) -> None:
    namesake = make_user(email="ada@example.com")

    assert numbers(api_as(namesake).get("orders/")) == []
    assert api_as(namesake).get(f"orders/{guest_order[0].pk}/").status_code == 404


def test_signed_in_user_may_hold_a_token_as_well(api_as: ApiAs, customer: User, guest_order: tuple[Order, str]) -> None:
    client = api_as(customer)
    client.order_token = guest_order[1]

    body = client.get(f"orders/{guest_order[0].pk}/").json()

    assert len(body["items"]) == 1
    assert body["billing_address"] == ADDRESS


def test_malformed_id_is_absent(api_as: ApiAs, customer: User) -> None:
    for path in ("orders/1/", "orders/not-an-id/", "orders/1/cancel/"):
        assert api_as(customer).get(path).status_code == 404


def test_one_order_takes_few_statements(api_as: ApiAs, seller: User) -> None:
    order = make_order((default_variant(make_product(seller=seller)), 1))

    assert _statements(api_as(seller), f"orders/{order.pk}/") == 3  # sign-in, order, lines


# --- Moving ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["put", "patch"])
def test_admin_moves_an_order(method: str, api_as: ApiAs, admin: User) -> None:
    order = make_order(payment_method="cod")

    response = getattr(api_as(admin), method)(f"orders/{order.pk}/", {"status": "processing"})

    assert (response.status_code, response.json()["status"]) == (200, "processing")
    order.refresh_from_db()
    assert order.status == "processing"


def test_journey_to_delivered(api_as: ApiAs, admin: User, customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 3), user=customer, payment_method="cod")

    for status in ("processing", "shipped", "delivered"):
        assert api_as(admin).patch(f"orders/{order.pk}/", {"status": status}).status_code == 200

    body = api_as(customer).get(f"orders/{order.pk}/").json()
    assert body["status"] == "delivered"
    assert body["delivered_at"].endswith("Z")
    assert stock_of(variant) == (7, 0)


def test_wrong_move_is_a_conflict_that_names_the_right_ones(api_as: ApiAs, admin: User) -> None:
    order = make_order(payment_method="cod")

    response = api_as(admin).patch(f"orders/{order.pk}/", {"status": "delivered"})

    body = response.json()
    assert (response.status_code, body["code"]) == (409, "invalid_transition")
    assert (body["from"], body["to"], body["allowed"]) == ("confirmed", "delivered", ["processing", "cancelled"])


def test_same_status_again_is_a_conflict(api_as: ApiAs, admin: User) -> None:
    order = make_order(payment_method="cod")
    client = api_as(admin)
    client.patch(f"orders/{order.pk}/", {"status": "processing"})

    response = client.patch(f"orders/{order.pk}/", {"status": "processing"})

    assert (response.status_code, response.json()["code"]) == (409, "invalid_transition")
    order.refresh_from_db()
    assert order.version == 2


@pytest.mark.parametrize("body", [{}, {"status": "lost"}, {"status": None}, {"status": ["shipped"]}, []])
def test_status_that_is_none(body: Any, api_as: ApiAs, admin: User) -> None:
    order = make_order(payment_method="cod")

    assert api_as(admin).patch(f"orders/{order.pk}/", body).status_code == 400


def test_moving_changes_nothing_else(api_as: ApiAs, admin: User) -> None:
    order = make_order(payment_method="cod")

    api_as(admin).patch(
        f"orders/{order.pk}/",
        {"status": "processing", "total_price": "0.00", "payment_status": "paid", "email": "x@example.com"},
    )

    after = Order.objects.get()
    assert (after.total_amount, after.payment_status, after.email) == (order.total_amount, "pending", order.email)


def test_seller_moves_own_orders_only(api_as: ApiAs, seller: User) -> None:
    own, foreign = default_variant(make_product(seller=seller)), default_variant(make_product())
    wholly = make_order((own, 1), payment_method="cod")
    mixed = make_order((own, 1), (foreign, 1), payment_method="cod")
    others = make_order((foreign, 1), payment_method="cod")
    client = api_as(seller)

    answers = [client.patch(f"orders/{order.pk}/", {"status": "processing"}) for order in (wholly, mixed, others)]

    assert [answer.status_code for answer in answers] == [200, 403, 404]
    assert answers[1].json()["code"] == "order_has_other_sellers"


@pytest.mark.parametrize("method", ["put", "patch"])
def test_customers_and_guests_do_not_move_orders(
    method: str, api: ApiClient, api_as: ApiAs, customer: User, guest_order: tuple[Order, str]
) -> None:
    order = make_order(user=customer, payment_method="cod")
    api.order_token = guest_order[1]

    by_owner = getattr(api_as(customer), method)(f"orders/{order.pk}/", {"status": "processing"})
    by_guest = getattr(api, method)(f"orders/{guest_order[0].pk}/", {"status": "processing"})

    assert (by_owner.status_code, by_guest.status_code) == (403, 401)
    assert set(Order.objects.values_list("status", flat=True)) == {"confirmed"}


# --- Cancelling -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("method", "suffix"), [("delete", ""), ("post", "cancel/")])
def test_owner_cancels(method: str, suffix: str, api_as: ApiAs, customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 2), user=customer)

    response = getattr(api_as(customer), method)(f"orders/{order.pk}/{suffix}")

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert response.json()["order_number"] == order.order_number
    assert stock_of(variant) == (10, 0)
    again = getattr(api_as(customer), method)(f"orders/{order.pk}/{suffix}")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_transition")


@pytest.mark.parametrize(("method", "suffix"), [("delete", ""), ("post", "cancel/")])
def test_guest_cancels_with_the_token(method: str, suffix: str, api: ApiClient, guest_order: tuple[Order, str]) -> None:
    order, token = guest_order
    path = f"orders/{order.pk}/{suffix}"

    assert getattr(api, method)(path).status_code == 401
    api.order_token = token
    assert getattr(api, method)(path).status_code == 200


@pytest.mark.parametrize(("method", "suffix"), [("delete", ""), ("post", "cancel/")])
def test_seller_of_an_item_does_not_cancel_for_the_customer(
    method: str, suffix: str, api_as: ApiAs, seller: User
) -> None:
    order = make_order((default_variant(make_product(seller=seller)), 1))

    assert getattr(api_as(seller), method)(f"orders/{order.pk}/{suffix}").status_code == 404
    order.refresh_from_db()
    assert order.status == "pending"


def test_cancellation_keeps_the_reason(api_as: ApiAs, customer: User) -> None:
    order = make_order(user=customer)

    api_as(customer).post(f"orders/{order.pk}/cancel/", {"reason": "Too slow"})

    order.refresh_from_db()
    assert order.cancel_reason == "Too slow"


def test_shipped_order_is_not_cancelled(api_as: ApiAs, customer: User) -> None:
    order = make_order_in(OrderStatus.SHIPPED, user=customer)

    response = api_as(customer).post(f"orders/{order.pk}/cancel/")

    assert (response.status_code, response.json()["allowed"]) == (409, ["delivered"])


def test_admin_cancels_a_paid_order(api_as: ApiAs, admin: User) -> None:
    order = make_order()
    pay(order)

    response = api_as(admin).delete(f"orders/{order.pk}/")

    assert (response.status_code, response.json()["payment_status"]) == (200, "paid")


@pytest.mark.parametrize("status", [OrderStatus.SHIPPED, OrderStatus.RETURNED, OrderStatus.CANCELLED])
def test_moves_take_at_most_nine_statements(status: OrderStatus, api_as: ApiAs, seller: User) -> None:
    before = {OrderStatus.SHIPPED: "processing", OrderStatus.RETURNED: "delivered", OrderStatus.CANCELLED: "confirmed"}
    variants = [default_variant(make_product(seller=seller, stock=100)) for _ in range(3)]
    order = make_order_in(OrderStatus(before[status]), *((variant, 1) for variant in variants))
    client = api_as(seller)

    with CaptureQueriesContext(connection) as captured:
        assert client.patch(f"orders/{order.pk}/", {"status": status}).status_code == 200

    assert len([entry for entry in captured if "SAVEPOINT" not in entry["sql"]]) <= 9


# --------------------------------------------------------------------------------------------------
def _many(user: User, count: int, product: Any = None, *, finished: bool = False) -> None:
    """Make orders of the user, or, for a seller's product, of somebody."""
    variant = default_variant(product or make_product(stock=1_000))
    buyer = make_user() if variant.product.seller_id == user.pk else user
    for _ in range(count):
        make_order((variant, 1), user=buyer)
    if finished:
        Order.objects.update(status=OrderStatus.DELIVERED)


def _statements(client: ApiClient, path: str, expected: int | None = None) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200
    if expected is not None:
        assert len(response.json()["results"]) == expected
    return len(captured)
