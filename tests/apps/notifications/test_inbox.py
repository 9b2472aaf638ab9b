"""People find in their inbox what happened to what is theirs: once, and nobody else's."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.inventory.events import StockRanLow
from apps.notifications.models import Notification, OptOut
from apps.notifications.services.inbox import forget_old, notify
from apps.notifications.states import Kind
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from apps.support.services.escalations import open_escalation
from apps.support.states import EscalationKind
from core import clock
from core.events.models import OutboxDelivery, OutboxEvent
from core.events.publishing import publish
from core.events.worker import deliver_all_due
from core.transactions import atomic
from tests.apps.orders.making import checkout, fill_cart, force_move, guest, make_order, make_order_in, pay
from tests.factories import (
    access_token_of,
    default_variant,
    make_admin,
    make_product,
    make_seller,
    make_shipping,
    make_user,
)
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
BASES = ["/api/v2/notifications/", "/api/notifications/"]


def inbox(user: User, base: str = BASES[0]) -> ApiClient:
    return ApiClient(Client(), access=access_token_of(user), base=base)


def put(user: User, count: int = 1, kind: Kind = Kind.ORDER_SHIPPED) -> list[Notification]:
    """Put so many lines into an inbox, oldest first."""
    for number in range(count):
        data = {"order_id": str(uuid.uuid4()), "order_number": f"N-{number}"}
        notify(kind=kind, event_id=str(uuid.uuid4()), user_ids=[user.pk], data=data, now=clock.now())
    return list(Notification.objects.filter(user=user).order_by("created_at", "id"))


def kinds_of(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("created_at", "id").values_list("kind", flat=True))


def handle_again(event_name: str) -> None:
    """Let every handler of such events answer them once more, as after a crash before their mark."""
    OutboxDelivery.objects.filter(event__name=event_name).update(state="pending", due_at=clock.now(), attempts=0)
    deliver_all_due()


def test_a_customer_finds_their_order_at_every_step() -> None:
    order = make_order(payment_method="cod")
    for step in (OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED):
        order = force_move(order, step)
    deliver_all_due()
    assert kinds_of(order.user) == ["order_confirmed", "order_shipped", "order_delivered"]
    newest = inbox(order.user).get("").json()["results"][0]
    assert newest == {
        "id": newest["id"],
        "kind": "order_delivered",
        "title": "Order delivered",
        "body": f"Your order {order.order_number} has been delivered.",
        "data": {"order_id": str(order.pk), "order_number": order.order_number},
        "is_read": False,
        "created_at": newest["created_at"],
        "read_at": None,
    }


def test_a_customer_finds_the_money_that_came_and_the_end_of_an_order() -> None:
    paid, cancelled = make_order(), make_order_in(OrderStatus.CANCELLED)
    pay(paid)
    deliver_all_due()
    assert "order_paid" in kinds_of(paid.user)
    assert kinds_of(cancelled.user) == ["order_cancelled"]
    (line,) = [row for row in inbox(paid.user).get("").json()["results"] if row["kind"] == "order_paid"]
    assert line["body"] == f"We have received 20.00 USD for your order {paid.order_number}."


def test_a_guest_has_no_inbox() -> None:
    make_shipping()
    goods = default_variant(make_product())
    checkout(None, fill_cart(guest()[0], (goods, 1)), payment_method="cod")
    deliver_all_due()
    assert set(Notification.objects.values_list("kind", flat=True)) == {"new_order"}


def test_each_seller_finds_their_own_lines_and_no_others() -> None:
    make_shipping()
    ada, bob = make_seller(), make_seller()
    hats, mugs, pens = (default_variant(make_product(seller=who)) for who in (ada, bob, bob))
    order = make_order((hats, 1), (mugs, 2), (pens, 3), payment_method="cod")
    deliver_all_due()
    for seller, units in ((ada, 1), (bob, 5)):
        (line,) = inbox(seller).get("").json()["results"]
        assert (line["kind"], line["data"]["units"]) == ("new_order", units)
        assert line["body"] == f"Order {order.order_number}: {units} units of yours were bought."


def test_a_seller_finds_what_runs_low(seller: User) -> None:
    variant = default_variant(make_product(seller=seller, name="Linen shirt"))
    ids = {"variant_id": str(variant.pk), "product_id": str(variant.product_id), "seller_id": str(seller.pk)}
    with atomic():
        publish(StockRanLow(**ids, available=3, threshold=5))
    deliver_all_due()
    (line,) = inbox(seller).get("").json()["results"]
    assert (line["title"], line["body"]) == ("Running low", "Linen shirt: 3 left.")


def test_admins_find_what_waits_for_them_and_customers_do_not(customer: User) -> None:
    admins = [make_admin(), make_admin()]
    make_admin(is_active=False)
    with atomic():
        open_escalation(
            kind=EscalationKind.DISPUTE, reference="dp_1", order=None, title="Dispute over 20.00", now=clock.now()
        )
    deliver_all_due()
    found = Notification.objects.order_by("created_at").values_list("user_id", "kind")
    assert sorted(found) == sorted((admin.pk, "escalation") for admin in admins)
    assert inbox(customer).get("").json()["count"] == 0


def test_an_event_that_is_handled_again_leaves_one_line_and_one_piece_of_news() -> None:
    order = make_order(payment_method="cod")
    deliver_all_due()
    for _ in range(3):
        handle_again("orders.confirmed")
    assert kinds_of(order.user) == ["order_confirmed"]
    news = OutboxEvent.objects.filter(name="notifications.created", aggregate_id=str(order.user_id))
    assert news.count() == 1


def test_every_line_is_news_for_its_owner_in_the_language_of_the_order() -> None:
    order = make_order(payment_method="cod", language="en")
    deliver_all_due()
    row = Notification.objects.get(user=order.user)
    event = OutboxEvent.objects.get(name="notifications.created", aggregate_id=str(order.user_id))
    assert event.payload == {
        "notification_id": str(row.pk),
        "user_id": str(order.user_id),
        "kind": "order_confirmed",
        "title": "Order confirmed",
        "body": f"Your order {order.order_number} is confirmed.",
        "data": {"order_id": str(order.pk), "order_number": order.order_number},
        "created_at": row.created_at.isoformat(),
    }


@pytest.mark.parametrize("base", BASES)
def test_lines_are_read_one_by_one_and_all_at_once(customer: User, base: str) -> None:
    first, second, third = put(customer, 3)
    client = inbox(customer, base)
    assert client.get("unread_count/").json() == {"unread_count": 3}
    read = client.post(f"{second.pk}/mark_read/")
    assert (read.status_code, read.json()["is_read"]) == (200, True)
    assert client.post(f"{second.pk}/mark_read/").json() == read.json()  # the first time counts
    assert client.get("unread_count/").json() == {"unread_count": 2}
    unread = client.get("?unread=true").json()
    assert [row["id"] for row in unread["results"]] == [str(third.pk), str(first.pk)]
    assert [row["id"] for row in client.get("?unread=false").json()["results"]] == [str(second.pk)]
    assert client.post("mark_all_read/").json() == {"marked": 2}
    assert client.post("mark_all_read/").json() == {"marked": 0}
    assert client.get("unread_count/").json() == {"unread_count": 0}


def test_somebody_elses_line_is_not_found_and_stays_unread(customer: User) -> None:
    (line,) = put(customer)
    stranger = inbox(make_user())
    answer = stranger.post(f"{line.pk}/mark_read/")
    assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")
    assert stranger.post("mark_all_read/").json() == {"marked": 0}
    assert stranger.get("").json()["count"] == 0
    line.refresh_from_db()
    assert line.read_at is None
    assert stranger.post(f"{uuid.uuid4()}/mark_read/").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("get", "unread_count/"),
        ("get", "preferences/"),
        ("put", "preferences/"),
        ("post", "mark_all_read/"),
        ("post", "0198f000-0000-7000-8000-000000000000/mark_read/"),
    ],
)
def test_nobody_in_particular_has_no_inbox(method: str, path: str) -> None:
    assert getattr(ApiClient(Client(), base=BASES[0]), method)(path).status_code == 401


@pytest.mark.parametrize("query", ["?unread=maybe", "?kind=nonsense", "?page=0"])
def test_a_question_that_means_nothing_is_refused(customer: User, query: str) -> None:
    assert inbox(customer).get(query).status_code == 400


@pytest.mark.parametrize("rows", [10, 100])
def test_reading_takes_three_statements_whatever_there_is(customer: User, rows: int) -> None:
    put(customer, rows)
    client = inbox(customer)

    def count(act: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert act().status_code == 200
        return len(queries)

    line = Notification.objects.first()
    assert line is not None
    counted = {
        "list": count(lambda: client.get("?page_size=100")),
        "unread": count(lambda: client.get("unread_count/")),
        "read": count(lambda: client.post(f"{line.pk}/mark_read/")),
        "read all": count(lambda: client.post("mark_all_read/")),
    }
    assert counted == {"list": 3, "unread": 2, "read": 3, "read all": 2}


def test_a_kind_that_the_code_has_forgotten_is_still_shown(customer: User) -> None:
    Notification.objects.create(
        user=customer, kind="from_before", event_id=uuid.uuid4(), data={}, created_at=clock.now()
    )
    (line,) = inbox(customer).get("").json()["results"]
    assert (line["title"], line["body"]) == ("from_before", "")


def test_what_people_wrote_stays_text() -> None:
    admin = make_admin()
    data = {"title": "100% %(secret)s <b>", "escalation_id": "", "order_number": ""}
    notify(kind=Kind.ESCALATION, event_id=str(uuid.uuid4()), user_ids=[admin.pk], data=data, now=clock.now())
    assert inbox(admin).get("").json()["results"][0]["body"] == "100% %(secret)s <b>"


def test_half_a_year_is_kept(customer: User) -> None:
    old, new = put(customer, 2)
    Notification.objects.filter(pk=old.pk).update(created_at=clock.now() - dt.timedelta(days=181))
    Notification.objects.filter(pk=new.pk).update(created_at=clock.now() - dt.timedelta(days=179))
    assert forget_old(now=clock.now()) == 1
    assert list(Notification.objects.filter(user=customer)) == [new]


def test_whoever_does_not_want_a_kind_finds_none_of_it() -> None:
    order = make_order(payment_method="cod")
    OptOut.objects.create(user=order.user, kind=Kind.ORDER_CONFIRMED, channel="in_app")
    deliver_all_due()
    assert kinds_of(order.user) == []
    assert OutboxEvent.objects.filter(name="notifications.created", aggregate_id=str(order.user_id)).count() == 0
    assert Order.objects.count() == 1
