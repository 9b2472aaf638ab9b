"""Refunds over HTTP, v2: who may, what they say and see, and that a retry has one effect."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.orders.models import Order
from apps.payments.models import Payment, Refund
from core.ids import new_id
from tests.apps.orders.making import checkout, fill_cart, guest
from tests.apps.payments.paying import everything
from tests.apps.payments.refunding.desk import (
    NEVER,
    NOWHERE,
    goods,
    items_of,
    odd_prices,
    paid_order,
    refund,
    taken,
    watched_till,
    went_back,
)
from tests.factories import make_seller, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User], ApiClient]
SHAPE = {
    "id", "order_id", "payment_id", "amount", "currency", "state", "cause", "reason", "lines", "shipping", "restocked",
    "created_at", "failure_code",
}  # fmt: skip
WORDS = {"reason": "as agreed"}


def of(order: Order) -> str:
    return f"/api/v2/orders/{order.pk}/refunds/"


def told(response: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return response.status_code, response.json().get("code", "")


def statements(send: Callable[[], Any], status: int) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert send().status_code == status
    return sum("SAVEPOINT" not in query["sql"] for query in queries)


@pytest.fixture
def order() -> Order:
    """A paid order of three units at 10.00 and one at 30.00, with shipping and tax."""
    odd_prices()
    return paid_order((goods(price="10.00"), 3), (goods(price="30.00"), 1))


@pytest.fixture
def office(api_as: ApiAs, admin: User) -> ApiClient:
    return api_as(admin)


# --- Making ----------------------------------------------------------------------------------------------
def test_lines_are_refunded_and_the_answer_tells_all_of_it(office: ApiClient, order: Order) -> None:
    cup = items_of(order)[0]
    body = {"items": [{"item_id": str(cup.pk), "quantity": 2}], "shipping": True, "restock": True, "reason": " Broken "}

    answer = office.post(of(order), body)

    made = Refund.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(made.pk),
        "order_id": str(order.pk),
        "payment_id": str(Payment.objects.get().pk),
        "amount": "26.80",
        "currency": "USD",
        "state": "succeeded",
        "cause": "requested",
        "reason": "Broken",
        "lines": [{"item_id": str(cup.pk), "quantity": 2, "amount": "21.45"}],
        "shipping": True,
        "restocked": True,
        "created_at": answer.json()["created_at"],
        "failure_code": None,
    }
    assert taken(order) == [(2, 2), (0, 0)]


def test_with_a_reason_alone_everything_goes_back(office: ApiClient, order: Order) -> None:
    whole = office.post(of(order), WORDS).json()
    assert (whole["amount"], whole["shipping"], whole["restocked"]) == (f"{order.total_amount:.2f}", True, False)
    assert [line["quantity"] for line in whole["lines"]] == [3, 1]


def test_goodwill_is_an_amount_alone(office: ApiClient, order: Order) -> None:
    given = office.post(of(order), {**WORDS, "amount": "1.50"}).json()
    assert (given["amount"], given["lines"], given["shipping"]) == ("1.50", [], False)


def test_a_seller_refunds_own_lines(api_as: ApiAs, order: Order) -> None:
    item = items_of(order)[1]
    answer = api_as(item.seller).post(of(order), WORDS)
    assert (answer.status_code, answer.json()["lines"]) == (
        201,
        [{"item_id": str(item.pk), "quantity": 1, "amount": "32.18"}],
    )


def test_a_provider_that_does_not_answer_is_told_as_pending(office: ApiClient, order: Order) -> None:
    with watched_till() as till:
        till.failure = NOWHERE
        answer = office.post(of(order), WORDS)
    assert (answer.status_code, answer.json()["state"]) == (201, "pending")


def test_a_provider_that_refuses_for_good_is_a_conflict_that_names_the_refund(office: ApiClient, order: Order) -> None:
    with watched_till() as till:
        till.failure = NEVER
        answer = office.post(of(order), WORDS)
    assert told(answer) == (409, "provider_refused")
    assert (answer.json()["refund_id"], answer.json()["provider_code"]) == (
        str(Refund.objects.get().pk),
        "account_closed",
    )
    [listed] = office.get(of(order)).json()["results"]
    assert (listed["state"], listed["failure_code"]) == ("failed", "account_closed")


# --- Refusing --------------------------------------------------------------------------------------------
def test_nobody_but_admins_and_sellers_of_it_refunds(api: ApiClient, api_as: ApiAs, order: Order) -> None:
    before = everything()
    assert told(api.post(of(order), WORDS)) == (401, "not_authenticated")
    assert told(api_as(order.user).post(of(order), WORDS)) == (403, "forbidden")  # type: ignore[arg-type]
    assert told(api_as(make_user()).post(of(order), WORDS)) == (403, "forbidden")
    assert told(api_as(make_seller()).post(of(order), WORDS)) == (404, "order_not_found")
    assert told(ApiClient(Client(), order_token="x").post(of(order), WORDS)) == (403, "forbidden")
    assert everything() == before


def test_a_seller_may_neither_give_goodwill_nor_the_shipping(api_as: ApiAs, order: Order) -> None:
    seller, before = items_of(order)[0].seller, everything()
    for wish in ({"amount": "1.00"}, {"shipping": True}):
        assert told(api_as(seller).post(of(order), {**WORDS, **wish})) == (403, "forbidden")
    assert everything() == before


def test_an_order_that_does_not_exist_is_not_found(office: ApiClient) -> None:
    assert told(office.post(f"/api/v2/orders/{new_id()}/refunds/", WORDS)) == (404, "order_not_found")
    assert told(office.get(f"/api/v2/orders/{new_id()}/refunds/")) == (404, "order_not_found")


ID = str(new_id())
NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({}, "reason"),
    ({"reason": ""}, "reason"),
    ({"reason": "  "}, "reason"),
    ({"reason": "x" * 201}, "reason"),
    ({"reason": 7}, "reason"),
    ({**WORDS, "amount": "0"}, "amount"),
    ({**WORDS, "amount": "-1.00"}, "amount"),
    ({**WORDS, "amount": "1.001"}, "amount"),
    ({**WORDS, "amount": "1_000"}, "amount"),
    ({**WORDS, "amount": True}, "amount"),
    ({**WORDS, "items": []}, "items"),
    ({**WORDS, "items": {}}, "items"),
    ({**WORDS, "items": [{"item_id": ID}]}, "items.0.quantity"),
    ({**WORDS, "items": [{"item_id": ID, "quantity": 0}]}, "items.0.quantity"),
    ({**WORDS, "items": [{"item_id": ID, "quantity": -1}]}, "items.0.quantity"),
    ({**WORDS, "items": [{"item_id": ID, "quantity": "1.5"}]}, "items.0.quantity"),
    ({**WORDS, "items": [{"item_id": "cup", "quantity": 1}]}, "items.0.item_id"),
    ({**WORDS, "items": [{"item_id": ID, "quantity": 1}] * 2}, "items.1.item_id"),
    ({**WORDS, "items": [{"item_id": ID, "quantity": 1}]}, "items.0.item_id"),
    ({**WORDS, "shipping": "yes"}, "shipping"),
    ({**WORDS, "restock": 1}, "restock"),
    ({**WORDS, "amount": "1.00", "restock": True}, "restock"),
]


@pytest.mark.parametrize(
    ("body", "field"), NONSENSE, ids=[f"{number}-{field}" for number, (_, field) in enumerate(NONSENSE)]
)
def test_a_body_that_makes_no_sense_names_its_field(
    office: ApiClient, order: Order, body: dict[str, Any], field: str
) -> None:
    before = everything()
    answer = office.post(of(order), body)
    assert answer.status_code == 400, answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert everything() == before


def test_a_foreign_line_is_as_unknown_as_one_that_does_not_exist(api_as: ApiAs, order: Order) -> None:
    own, foreign = items_of(order)
    seller, before = api_as(own.seller), everything()
    answers = [
        seller.post(of(order), {**WORDS, "items": [{"item_id": str(item_id), "quantity": 1}]}).json()
        for item_id in (foreign.pk, items_of(paid_order())[0].pk, new_id())
    ]
    assert {(answer["status"], str(answer["errors"])) for answer in answers} == {
        (400, str(answers[0]["errors"])),
    }
    assert answers[0]["errors"][0]["code"] == "unknown_item"
    assert before != everything()  # the other order was made meanwhile; none of the two was refunded
    assert Refund.objects.count() == 0


def test_more_than_there_is_tells_how_much_there_is(office: ApiClient, order: Order) -> None:
    item, before = items_of(order)[0], everything()
    too_large = office.post(of(order), {**WORDS, "amount": "1000.00"})
    too_many = office.post(of(order), {**WORDS, "items": [{"item_id": str(item.pk), "quantity": 4}]})
    assert told(too_large) == (422, "refund_too_large")
    assert (too_large.json()["refundable"], too_large.json()["currency"]) == (f"{order.total_amount:.2f}", "USD")
    assert told(too_many) == (422, "too_many_units")
    assert (too_many.json()["item_id"], too_many.json()["left"]) == (str(item.pk), 3)
    assert everything() == before


def test_the_shipping_goes_back_once(office: ApiClient, order: Order) -> None:
    assert office.post(of(order), {**WORDS, "shipping": True}).json()["amount"] == "5.35"
    assert told(office.post(of(order), {**WORDS, "shipping": True})) == (422, "shipping_already_refunded")


def test_a_card_number_in_the_reason_is_refused_and_not_repeated(office: ApiClient, order: Order) -> None:
    answer = office.post(of(order), {"reason": "4242 4242 4242 4242"})
    assert told(answer) == (400, "card_data_refused")
    assert b"4242" not in answer.content


# --- Reading ---------------------------------------------------------------------------------------------
def test_the_owner_and_admins_read_all_refunds_newest_first(api_as: ApiAs, office: ApiClient, order: Order) -> None:
    made = [refund(order, None, 1), refund(order, amount="1.00"), refund(order, shipping=True)]
    for reader in (office, api_as(order.user)):  # type: ignore[arg-type]
        page = reader.get(of(order)).json()
        assert (page["count"], [entry["id"] for entry in page["results"]]) == (3, [str(r.pk) for r in made[::-1]])
        assert set(page["results"][0]) == SHAPE
    assert len(office.get(of(order) + "?page=2&page_size=2").json()["results"]) == 1


def test_a_guest_reads_the_refunds_of_their_order_by_its_token(api: ApiClient) -> None:
    owner, _ = guest()
    fill_cart(owner, (goods(), 1))
    placed = checkout(None, owner, payment_method="simulated")
    holder = ApiClient(Client(), order_token=placed.order_token or "")
    holder.post("payments/process/", {"order_id": str(placed.order.pk), "provider": "simulated"})
    refund(placed.order, amount="1.00")
    assert [entry["amount"] for entry in holder.get(of(placed.order)).json()["results"]] == ["1.00"]
    assert told(ApiClient(Client(), order_token="another").get(of(placed.order))) == (404, "order_not_found")
    assert told(api.get(of(placed.order))) == (401, "not_authenticated")


def test_strangers_read_nothing(api_as: ApiAs, order: Order) -> None:
    assert told(api_as(make_user()).get(of(order))) == (404, "order_not_found")
    assert told(api_as(make_seller()).get(of(order))) == (404, "order_not_found")


def test_a_seller_reads_their_part_of_the_refunds_of_their_lines(api_as: ApiAs) -> None:
    odd_prices()
    order = paid_order((goods(price="10.00"), 3), (goods(price="30.00"), 2))
    own, foreign = items_of(order)
    refund(order, None, 0, 1)
    refund(order, amount="1.00")
    both = refund(order, None, 1, 1, shipping=True)
    [seen] = api_as(own.seller).get(of(order)).json()["results"]
    assert (seen["id"], seen["amount"], seen["shipping"]) == (str(both.pk), "10.73", False)
    assert seen["lines"] == [{"item_id": str(own.pk), "quantity": 1, "amount": "10.73"}]
    theirs = api_as(foreign.seller).get(of(order)).json()["results"]
    assert [line["item_id"] for entry in theirs for line in entry["lines"]] == [str(foreign.pk)] * 2


# --- Once ------------------------------------------------------------------------------------------------
def test_a_retry_with_its_key_gets_the_first_answer_byte_for_byte(
    office: ApiClient, order: Order, new_key: str
) -> None:
    body = {**WORDS, "amount": "1.00"}
    first = office.post(of(order), body, Idempotency_Key=new_key)
    again = [office.post(of(order), body, Idempotency_Key=new_key) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in again} == {(201, first.content)}
    assert all(answer["Idempotent-Replayed"] == "true" for answer in again)
    assert told(office.post(of(order), {**WORDS, "amount": "2.00"}, Idempotency_Key=new_key)) == (
        422,
        "idempotency_key_reused",
    )
    assert (Refund.objects.count(), went_back(order)) == (1, 1)


def test_a_request_that_died_after_its_refund_was_begun_goes_on_with_it(
    office: ApiClient, order: Order, new_key: str
) -> None:
    from core.idempotency.models import IdempotencyRecord

    body = {**WORDS, "amount": "1.00"}
    with watched_till() as till:
        till.failure = NOWHERE
        begun = office.post(of(order), body, Idempotency_Key=new_key).json()
        IdempotencyRecord.objects.all().delete()
        till.failure = None
        answer = office.post(of(order), body, Idempotency_Key=new_key)
    assert (answer.json()["id"], answer.json()["state"]) == (begun["id"], "succeeded")
    assert (Refund.objects.count(), len({request.key for request in till.asked})) == (1, 1)


# --- Cost ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lines", [1, 20])
def test_a_refund_takes_no_more_statements_for_more_lines_but_one_for_each(office: ApiClient, lines: int) -> None:
    order = paid_order(*[(goods(), 2) for _ in range(lines)])
    body = {**WORDS, "items": [{"item_id": str(item.pk), "quantity": 1} for item in items_of(order)]}
    assert statements(lambda: office.post(of(order), body), 201) == 23 + lines


def test_goodwill_takes_so_many_statements(office: ApiClient, order: Order, new_key: str) -> None:
    assert statements(lambda: office.post(of(order), {**WORDS, "amount": "1.00"}), 201) == 20
    wish = {**WORDS, "amount": "1.00"}
    assert statements(lambda: office.post(of(order), wish, Idempotency_Key=new_key), 201) == 22
    assert statements(lambda: office.post(of(order), wish, Idempotency_Key=new_key), 201) == 2


@pytest.mark.parametrize("refunds", [10, 100])
def test_the_list_takes_no_more_statements_for_more_refunds(office: ApiClient, refunds: int) -> None:
    order = paid_order((goods(price="10.00", stock=200), 100))
    payment = Payment.objects.get()
    Refund.objects.bulk_create([Refund(payment=payment, amount=1, currency="USD") for _ in range(refunds)])
    assert statements(lambda: office.get(of(order) + "?page_size=100"), 200) == 5
