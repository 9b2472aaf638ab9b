"""Tracking over HTTP: told with the move to shipped, corrected afterwards, refused with nothing done."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.http import HttpResponse

from apps.accounts.models import User
from apps.notifications.models import Notification
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from core.events.worker import deliver_all_due
from tests.apps.orders.making import history, make_order_in, news
from tests.factories import default_variant, make_product
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User], ApiClient]
URL = "https://parcels.example.com/track?number=1Z999&lang=en"
SAID = {"carrier": "UPS", "tracking_number": "1Z999", "tracking_url": URL}
NOTHING = dict.fromkeys(SAID, "")


def told(answer: HttpResponse) -> dict[str, str]:
    """Return what the answer says of the parcel."""
    body = answer.json()  # type: ignore[attr-defined]
    return {name: body[name] for name in SAID}


def faults(answer: HttpResponse) -> list[tuple[str, str]]:
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]  # type: ignore[attr-defined]


def state(order: Order) -> tuple[Any, ...]:
    """Return all that a refusal must leave as it was: the order, its history, its events, mails and inbox lines."""
    deliver_all_due()
    order.refresh_from_db()
    said = {name: getattr(order, name) for name in SAID}
    return (
        order.status,
        said,
        order.version,
        history(order),
        news(order),
        len(mail.outbox),
        Notification.objects.count(),
    )


@pytest.mark.parametrize("method", ["put", "patch"])
def test_an_order_is_shipped_with_tracking(method: str, api_as: ApiAs, admin: User, customer: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING, user=customer)
    assert told(api_as(customer).get(f"orders/{order.pk}/")) == NOTHING

    answer = getattr(api_as(admin), method)(f"orders/{order.pk}/", {"status": "shipped", **SAID})

    assert (answer.status_code, answer.json()["status"], told(answer)) == (200, "shipped", SAID)
    assert told(api_as(customer).get(f"orders/{order.pk}/")) == SAID
    [listed] = api_as(customer).get("orders/").json()["results"]
    assert {name: listed[name] for name in SAID} == SAID


@pytest.mark.parametrize("status", [{}, {"status": "shipped"}], ids=["alone", "with the status"])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_tracking_is_corrected_once(method: str, status: dict[str, str], api_as: ApiAs, admin: User) -> None:
    order = make_order_in(OrderStatus.SHIPPED)
    before = state(order)
    send = getattr(api_as(admin), method)
    body = {**status, "carrier": " DHL ", "tracking_number": "42"}

    answers = [send(f"orders/{order.pk}/", body) for _ in range(3)]

    corrected = {"carrier": "DHL", "tracking_number": "42", "tracking_url": ""}
    assert [(answer.status_code, told(answer)) for answer in answers] == [(200, corrected)] * 3
    after = state(order)
    assert after[:4] == ("shipped", corrected, before[2] + 1, before[3])
    assert after[4] == [*before[4], "orders.tracking_changed"]
    assert after[5:] == (before[5] + 1, before[6] + 1)


@pytest.mark.parametrize("status", [status for status in OrderStatus if status != OrderStatus.SHIPPED])
def test_an_order_that_is_not_on_its_way_is_a_conflict(status: OrderStatus, api_as: ApiAs, admin: User) -> None:
    order = make_order_in(status)
    before = state(order)

    answer = api_as(admin).patch(f"orders/{order.pk}/", SAID)

    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "order_not_on_its_way")
    assert (body["status"], body["order_status"]) == (409, status.value)
    assert state(order) == before


def test_shipping_too_early_is_a_conflict_that_keeps_no_tracking(api_as: ApiAs, admin: User) -> None:
    order = make_order_in(OrderStatus.CONFIRMED)
    before = state(order)

    answer = api_as(admin).patch(f"orders/{order.pk}/", {"status": "shipped", **SAID})

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert state(order) == before


@pytest.mark.parametrize("start", [OrderStatus.CONFIRMED, OrderStatus.SHIPPED])
@pytest.mark.parametrize("name", SAID)
def test_tracking_beside_another_status_contradicts_itself(
    start: OrderStatus, name: str, api_as: ApiAs, admin: User
) -> None:
    order = make_order_in(start)
    before = state(order)
    onward = {"confirmed": "processing", "shipped": "delivered"}[start.value]

    answer = api_as(admin).patch(f"orders/{order.pk}/", {"status": onward, name: SAID[name]})

    assert (answer.status_code, faults(answer)) == (400, [(name, "only_when_shipped")])
    assert state(order) == before


def test_blanks_beside_another_status_say_nothing(api_as: ApiAs, admin: User) -> None:
    order = make_order_in(OrderStatus.SHIPPED)
    client = api_as(admin)
    client.patch(f"orders/{order.pk}/", SAID)

    answer = client.put(f"orders/{order.pk}/", {"status": "delivered", **NOTHING})

    assert (answer.status_code, answer.json()["status"], told(answer)) == (200, "delivered", SAID)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("carrier", "x" * 101),
        ("carrier", "U\x00S"),
        ("carrier", "U\nS"),
        ("carrier", "U\u2028S"),
        ("carrier", None),
        ("carrier", 7),
        ("tracking_number", "1" * 101),
        ("tracking_number", "1\r\nBcc: x@example.com"),
        ("tracking_number", ["1Z"]),
        ("tracking_url", "javascript:alert(1)"),
        ("tracking_url", "JavaScript:alert(1)"),
        ("tracking_url", "data:text/html,<script>"),
        ("tracking_url", "ftp://parcels.example.com/"),
        ("tracking_url", "parcels.example.com"),
        ("tracking_url", "https://"),
        ("tracking_url", "https://bank.example@parcels.example.com/"),
        ("tracking_url", "https://parcels.example.com/\tx"),
        ("tracking_url", "https://parcels.example.com/" + "x" * 473),
        ("tracking_url", None),
    ],
    ids=[
        "long carrier", "nul", "line break", "separator", "no carrier", "number as carrier", "long number", "header",
        "list", "javascript", "mixed case", "data", "ftp", "no scheme", "no host", "user", "tab", "long address",
        "no address",
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", [OrderStatus.PROCESSING, OrderStatus.SHIPPED])
def test_texts_that_are_refused(start: OrderStatus, name: str, text: Any, api_as: ApiAs, admin: User) -> None:
    order = make_order_in(start)
    before = state(order)

    answer = api_as(admin).patch(f"orders/{order.pk}/", {"status": "shipped", **SAID, name: text})

    assert answer.status_code == 400
    assert {field for field, _ in faults(answer)} == {name}
    assert state(order) == before


def test_the_longest_texts_are_kept(api_as: ApiAs, admin: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING)
    longest = {"carrier": "c" * 100, "tracking_number": "1" * 100, "tracking_url": f"https://a.example/{'x' * 482}"}
    assert len(longest["tracking_url"]) == 500

    answer = api_as(admin).patch(f"orders/{order.pk}/", {"status": "shipped", **longest})

    assert (answer.status_code, told(answer)) == (200, longest)


def test_sellers_correct_own_orders_only(api_as: ApiAs, seller: User) -> None:
    own, foreign = default_variant(make_product(seller=seller)), default_variant(make_product())
    wholly = make_order_in(OrderStatus.SHIPPED, (own, 1))
    mixed = make_order_in(OrderStatus.SHIPPED, (own, 1), (foreign, 1))
    others = make_order_in(OrderStatus.SHIPPED, (foreign, 1))
    before = state(mixed)[:5], state(others)[:5]

    answers = [api_as(seller).patch(f"orders/{order.pk}/", SAID) for order in (wholly, mixed, others)]

    assert [answer.status_code for answer in answers] == [200, 403, 404]
    assert [answer.json()["code"] for answer in answers[1:]] == ["order_has_other_sellers", "order_not_found"]
    assert (state(mixed)[:5], state(others)[:5]) == before


def test_customers_do_not_say_how_their_parcel_is_tracked(api_as: ApiAs, customer: User, api: ApiClient) -> None:
    order = make_order_in(OrderStatus.SHIPPED, user=customer)
    before = state(order)

    answers = [client.patch(f"orders/{order.pk}/", SAID) for client in (api_as(customer), api)]

    assert [answer.status_code for answer in answers] == [403, 401]
    assert state(order) == before
