"""Orders in the back office."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from tests.apps.orders.making import hold, make_order, make_order_in, stock_of
from tests.factories import default_variant, make_admin, make_product

pytestmark = pytest.mark.django_db
LIST = "/admin/orders/order/"


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def act(client: Client, action: str, *orders: Order) -> str:
    """Run a list action and return the page that follows."""
    data = {"action": action, "_selected_action": [str(order.pk) for order in orders]}
    response = client.post(LIST, data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_orders_are_found_by_number_and_by_address(office: Client) -> None:
    wanted, other = make_order(), make_order()

    for term in (wanted.order_number, wanted.email):
        page = office.get(LIST, {"q": term}).content.decode()
        assert wanted.order_number in page
        assert other.order_number not in page


def test_order_page_shows_lines_and_history_and_has_nothing_to_edit(office: Client) -> None:
    order = make_order_in(OrderStatus.SHIPPED)

    page = office.get(f"{LIST}{order.pk}/change/").content.decode()

    assert order.items.get().name in page
    assert "processing" in page
    assert 'name="_save"' not in page
    assert 'name="total_amount"' not in page


def test_orders_are_neither_added_nor_changed_nor_deleted_by_hand(office: Client) -> None:
    order = make_order()

    answers = [
        office.get(f"{LIST}add/"),
        office.post(f"{LIST}{order.pk}/change/", {"status": "delivered", "total_amount": "0"}),
        office.post(f"{LIST}{order.pk}/delete/", {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    order.refresh_from_db()
    assert order.status == "pending"


def test_actions_move_what_may_move_and_name_what_may_not(office: Client, admin: User) -> None:
    variant = default_variant(make_product(stock=10))
    ready, early = make_order_in(OrderStatus.PROCESSING, (variant, 2)), make_order_in(OrderStatus.CONFIRMED)

    page = act(office, "mark_shipped", ready, early)

    assert "1 order is now shipped." in page
    assert f"Order {early.order_number} is confirmed and cannot become shipped." in page
    ready.refresh_from_db()
    early.refresh_from_db()
    assert (ready.status, early.status) == ("shipped", "confirmed")
    assert stock_of(variant) == (8, 0)
    assert ready.status_changes.last().actor == admin  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("action", "start", "end"),
    [
        ("mark_processing", OrderStatus.CONFIRMED, "processing"),
        ("mark_delivered", OrderStatus.SHIPPED, "delivered"),
        ("mark_returned", OrderStatus.DELIVERED, "returned"),
        ("cancel", OrderStatus.PENDING, "cancelled"),
    ],
)
def test_every_action_does_what_it_says(action: str, start: OrderStatus, end: str, office: Client) -> None:
    order = make_order_in(start)

    act(office, action, order)

    order.refresh_from_db()
    assert order.status == end


def test_orders_on_hold_are_found_and_are_not_sent(office: Client) -> None:
    held, other = make_order_in(OrderStatus.PROCESSING), make_order_in(OrderStatus.PROCESSING)
    hold(held)

    listed = office.get(LIST, {"is_on_hold__exact": "1"}).content.decode()
    page = act(office, "mark_shipped", held, other)

    assert held.order_number in listed
    assert other.order_number not in listed
    assert f"Order {held.order_number} is on hold and is not sent." in page
    assert "1 order is now shipped." in page
    held.refresh_from_db()
    assert held.status == "processing"


def test_looking_is_not_moving() -> None:
    viewer = make_admin()
    User.objects.filter(pk=viewer.pk).update(is_superuser=False)
    viewer = User.objects.get(pk=viewer.pk)
    viewer.user_permissions.add(Permission.objects.get(codename="view_order"))
    client, order = Client(), make_order_in(OrderStatus.CONFIRMED)
    client.force_login(viewer)

    page = act(client, "mark_processing", order)

    assert order.order_number in page
    order.refresh_from_db()
    assert order.status == "confirmed"
