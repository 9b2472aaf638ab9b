"""Payments over HTTP, v1: who may, what is answered, and that card data is kept out."""

import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.orders.models import Order
from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.simulated import SimulatedGateway
from apps.payments.models import Payment
from apps.payments.states import EntryKind
from core.ids import hash_token, new_id
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, message, pay, signed
from tests.factories import make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
As = Callable[[User], ApiClient]
CARD = "4242 4242 4242 4242"


@pytest.fixture
def order() -> Order:
    return make_order()


@pytest.fixture
def owner(order: Order, api_as: As) -> ApiClient:
    assert order.user is not None
    return api_as(order.user)


def process(client: ApiClient, order: Order, method: str | None = None, **headers: str) -> Any:
    data = {"order_id": str(order.pk), "provider": "simulated"}
    return client.post("payments/process/", data if method is None else data | {"payment_method_id": method}, **headers)


def statements_of(request: Callable[[], Any]) -> int:
    seen: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT")):
            seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        assert request().status_code in {200, 201}
    return len(seen)


def test_paying_answers_the_payment(owner: ApiClient, order: Order) -> None:
    response = process(owner, order)
    payment = Payment.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"/api/v1/payments/{payment.pk}/"
    created_at = response.json()["created_at"]
    assert created_at.endswith("Z")
    assert response.json() == {
        "id": str(payment.pk),
        "order_id": str(order.pk),
        "provider": "simulated",
        "status": "succeeded",
        "amount": "20.00",
        "currency": "USD",
        "transaction_id": payment.transaction_id,
        "client_secret": None,
        "redirect_url": None,
        "created_at": created_at,
    }
    assert owner.get(f"payments/{payment.pk}/").json() == response.json()


def test_the_clients_secret_is_told_while_it_is_of_use(owner: ApiClient, order: Order) -> None:
    open_payment = process(owner, order, "pm_sim_requires_action").json()
    assert open_payment["status"] == "requires_action"
    assert open_payment["client_secret"].startswith(open_payment["transaction_id"])
    verified = owner.post(f"payments/{open_payment['id']}/verify/").json()
    assert (verified["status"], verified["client_secret"]) == ("succeeded", None)


def test_a_paid_order_is_not_paid_again(owner: ApiClient, order: Order) -> None:
    process(owner, order)
    before = everything()
    response = process(owner, order)
    assert (response.status_code, response.json()["code"]) == (409, "order_not_payable")
    assert response.json()["payment_status"] == "paid"
    assert everything() == before


def test_a_declined_card_is_a_failed_payment_and_the_next_try_another(owner: ApiClient, order: Order) -> None:
    declined = process(owner, order, "pm_sim_declined")
    assert (declined.status_code, declined.json()["status"]) == (201, "failed")
    again = process(owner, order, "pm_sim_success")
    assert (again.status_code, again.json()["status"]) == (201, "succeeded")
    assert again.json()["id"] != declined.json()["id"]


def test_the_same_key_gets_the_first_answer_byte_for_byte(owner: ApiClient, order: Order, new_key: str) -> None:
    first = process(owner, order, Idempotency_Key=new_key)
    again = process(owner, order, Idempotency_Key=new_key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert Payment.objects.count() == 1
    assert process(owner, order, "pm_sim_declined", Idempotency_Key=new_key).status_code == 422


def test_a_key_whose_first_answer_was_lost_finds_its_payment(owner: ApiClient, order: Order, new_key: str) -> None:
    from core.idempotency.models import IdempotencyRecord

    first = process(owner, order, Idempotency_Key=new_key).json()
    IdempotencyRecord.objects.all().delete()  # as if the server had died before it was written
    again = process(owner, order, Idempotency_Key=new_key)
    assert (again.status_code, again.json()) == (201, first)
    assert Payment.objects.count() == 1


def test_a_guest_pays_with_the_orders_token(api: ApiClient, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(user=None, order_token_hash=hash_token("a guest's token"))
    assert process(api, order).status_code == 401
    api.order_token = "another token"
    assert process(api, order).status_code == 404
    api.order_token = "a guest's token"
    payment = process(api, order)
    assert (payment.status_code, payment.json()["status"]) == (201, "succeeded")
    assert api.get(f"payments/{payment.json()['id']}/").status_code == 200
    api.order_token = "another token"
    assert api.get(f"payments/{payment.json()['id']}/").status_code == 404


def test_a_payment_is_its_owners_and_the_admins(order: Order, api: ApiClient, api_as: As, admin: User) -> None:
    payment = pay(order, "pm_sim_requires_action")
    path = f"payments/{payment.pk}/"
    seller = order.items.get().seller
    before = everything()
    for stranger in (make_user(), seller):
        client = api_as(stranger)
        assert client.get(path).status_code == 404
        assert client.post(f"{path}verify/").status_code == 404
        assert process(client, order).status_code == 404
    assert (api.get(path).status_code, api.post(f"{path}verify/").status_code) == (401, 401)
    assert everything() == before
    assert api_as(admin).get(path).status_code == 200
    assert api_as(admin).post(f"{path}verify/").json()["status"] == "succeeded"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"provider": "simulated"},
        {"order_id": "1", "provider": "simulated"},
        {"order_id": "ORDER"},
        {"order_id": "ORDER", "provider": "stripe"},
        {"order_id": "ORDER", "provider": ""},
        {"order_id": "ORDER", "provider": None},
        {"order_id": "ORDER", "provider": ["simulated"]},
        {"order_id": "ORDER", "provider": "simulated", "payment_method_id": 7},
        {"order_id": "ORDER", "provider": "simulated", "payment_method_id": "x" * 101},
        {"order_id": "ORDER", "provider": "simulated", "payment_method_id": "a\x00b"},
    ],
)
def test_faulty_input_names_the_field_and_pays_nothing(owner: ApiClient, order: Order, data: dict[str, Any]) -> None:
    before = everything()
    sent = {name: str(order.pk) if value == "ORDER" else value for name, value in data.items()}
    response = owner.post("payments/process/", sent)
    assert response.status_code == 400
    assert response.json()["errors"]
    assert everything() == before


def test_amounts_and_states_sent_by_the_client_mean_nothing(owner: ApiClient, order: Order) -> None:
    data = {"order_id": str(order.pk), "provider": "simulated", "amount": "0.01", "status": "succeeded"}
    response = owner.post("payments/process/", data | {"payment_method_id": "pm_sim_declined", "currency": "JPY"})
    assert (response.json()["amount"], response.json()["status"], response.json()["currency"]) == (
        "20.00", "failed", "USD",
    )  # fmt: skip


@pytest.mark.parametrize(
    "members",
    [
        {"payment_method_id": CARD},
        {"payment_method_id": CARD.replace(" ", "")},
        {"payment_method_id": CARD.replace(" ", "-")},
        {"payment_method_id": "378282246310005"},
        {"payment_method_id": 4242424242424242},
        {"card_number": "1"},
        {"card": {"number": "x"}},
        {"source": {"deep": [{"value": CARD}]}},
        {"CVC": "123"},
        {"note": CARD},
    ],
)
def test_card_data_is_refused_and_written_nowhere(
    owner: ApiClient, order: Order, members: dict[str, Any], caplog: pytest.LogCaptureFixture, new_key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    before = everything()
    data = {"order_id": str(order.pk), "provider": "simulated", **members}
    response = owner.post("payments/process/", data, Idempotency_Key=new_key)
    assert (response.status_code, response.json()["code"]) == (400, "card_data_refused")
    assert everything() == before
    for text in (response.content.decode(), caplog.text):
        assert not any(number in text for number in (CARD, CARD.replace(" ", ""), "378282246310005"))


@pytest.mark.parametrize("method", ["4242424242424241", "1234567890123", "pm_4242424242424242", "4242"])
def test_what_is_no_card_number_is_a_name_like_any_other(owner: ApiClient, order: Order, method: str) -> None:
    assert process(owner, order, method).status_code == 201


def test_a_provider_that_does_not_answer_is_503_and_trying_again_pays_once(owner: ApiClient, order: Order) -> None:
    with patch.object(SimulatedGateway, "start", side_effect=GatewayError("timeout", permanent=False)):
        response = process(owner, order)
    assert (response.status_code, response.json()["code"]) == (503, "provider_unavailable")
    assert int(response["Retry-After"]) >= 1
    assert process(owner, order).json()["status"] == "succeeded"
    assert Payment.objects.count() == 1


def test_absent_payments_are_404(owner: ApiClient) -> None:
    assert owner.get(f"payments/{new_id()}/").status_code == 404
    assert owner.get("payments/7/").status_code == 404


def test_statements_of_every_endpoint(owner: ApiClient, order: Order, api: ApiClient) -> None:
    counts = {"process": statements_of(lambda: process(owner, order, "pm_sim_success"))}
    payment = Payment.objects.get()
    counts["get"] = statements_of(lambda: owner.get(f"payments/{payment.pk}/"))
    second = pay(make_order(user=order.user), "pm_sim_requires_action")
    counts["verify"] = statements_of(lambda: owner.post(f"payments/{second.pk}/verify/"))
    third = pay(make_order(user=order.user), "pm_sim_requires_action")
    body = message(third, EntryKind.CAPTURED)

    def post() -> Any:
        path = "/api/v1/payments/webhook/simulated/"
        return api.client.post(path, body, content_type="application/json", headers=signed(body))

    counts["webhook"] = statements_of(post)
    counts["webhook again"] = statements_of(post)
    # One of them asks whose the named payment method is.
    assert counts == {"process": 9, "get": 2, "verify": 9, "webhook": 9, "webhook again": 1}
