"""Paying with a saved method: one's own, by its id, through every door."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.payments.models import Payment
from apps.payments.services.wallet import delete_method, save_method
from core.ids import new_id
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, money_of
from tests.factories import ADDRESS, make_product, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
DOORS = ["/api/v1/payments/process/", "/api/v2/payments/create_intent/", "/api/payments/payments/create_intent/"]


def saved(user: User, token: str = "pm_sim_success") -> Any:
    return save_method(user=user, provider="simulated", token=token)


@pytest.mark.parametrize("door", DOORS)
def test_the_owner_pays_by_the_id_of_a_saved_method(
    door: str, customer: User, api_as: Callable[[User], ApiClient]
) -> None:
    order, method = make_order(user=customer), saved(customer)
    body = {"order_id": str(order.pk), "provider": "simulated", "payment_method_id": str(method.pk)}
    response = api_as(customer).post(door, body)
    assert (response.status_code, response.json()["status"]) == (201, "succeeded")
    assert Payment.objects.get().payment_method_id == method.reference
    assert method.reference not in response.content.decode()
    assert money_of(order) == ("confirmed", "paid")


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("pm_sim_declined", "failed"),
        ("pm_sim_requires_action", "requires_action"),
        ("pm_sim_settles_late", "processing"),
    ],
)
def test_a_saved_method_does_what_its_token_does(
    token: str, status: str, customer: User, api_as: Callable[[User], ApiClient]
) -> None:
    order = make_order(user=customer)
    body = {"order_id": str(order.pk), "provider": "simulated", "payment_method_id": str(saved(customer, token).pk)}
    assert api_as(customer).post(DOORS[0], body).json()["status"] == status


@pytest.mark.parametrize("door", DOORS)
def test_nobody_pays_with_anothers_method(door: str, customer: User, api_as: Callable[[User], ApiClient]) -> None:
    order, theirs, forgotten = make_order(user=customer), saved(make_user()), saved(customer)
    delete_method(user=customer, method_id=forgotten.pk)
    before = everything()
    for given in (str(theirs.pk), theirs.reference, str(forgotten.pk), str(new_id())):
        body = {"order_id": str(order.pk), "provider": "simulated", "payment_method_id": given}
        response = api_as(customer).post(door, body)
        assert (response.status_code, response.json()["code"]) == (404, "payment_method_not_found")
    assert everything() == before


def test_a_guest_pays_with_no_saved_method(customer: User) -> None:
    somebody = ApiClient(Client())
    line = {"product_id": str(make_product().pk), "quantity": 1}
    somebody.cart_token = somebody.post("cart/add/", line)["X-Cart-Token"]
    wanted = {"shipping_address": ADDRESS, "payment_method": "simulated", "email": "guest@example.com"}
    order = somebody.post("cart/checkout/", wanted).json()
    somebody.order_token = order["order_token"]
    for given in (str(saved(customer).pk), saved(customer).reference):
        body = {"order_id": order["id"], "provider": "simulated", "payment_method_id": given}
        response = somebody.post(DOORS[0], body)
        assert (response.status_code, response.json()["code"]) == (404, "payment_method_not_found")
    assert Payment.objects.count() == 0


def test_a_method_is_used_at_its_own_provider(customer: User, api_as: Callable[[User], ApiClient]) -> None:
    order = make_order(user=customer, payment_method="cod")
    body = {"order_id": str(order.pk), "provider": "cod", "payment_method_id": str(saved(customer).pk)}
    response = api_as(customer).post(DOORS[0], body)
    assert (response.status_code, response.json()["code"]) == (404, "payment_method_not_found")
    assert Payment.objects.count() == 0


def test_a_saved_name_that_nobody_saved_is_declined(customer: User, api_as: Callable[[User], ApiClient]) -> None:
    order = make_order(user=customer)
    body = {"order_id": str(order.pk), "provider": "simulated", "payment_method_id": "pm_sim_success.forged"}
    assert api_as(customer).post(DOORS[0], body).json()["status"] == "failed"
    assert money_of(order)[1] == "failed"
