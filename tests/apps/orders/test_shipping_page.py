"""Shipping in the back office: the page does what the service does, for those who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from tests.apps.orders.making import force_move, history, hold, make_order_in, news
from tests.factories import make_admin

pytestmark = pytest.mark.django_db
URL = "https://parcels.example.com/track?number=1Z999&lang=en"
SAID = {"carrier": "UPS", "tracking_number": "1Z999", "tracking_url": URL}


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def page_of(order: Order, page: str = "ship") -> str:
    return f"/admin/orders/order/{order.pk}/{page}/"


def state(order: Order) -> tuple[Any, ...]:
    order.refresh_from_db()
    said = {name: getattr(order, name) for name in SAID}
    return order.status, said, order.version, history(order), news(order)


def test_the_page_of_the_order_leads_to_the_form_that_ships_it(office: Client, admin: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING)
    assert page_of(order) in office.get(page_of(order, "change")).content.decode()
    form = office.get(page_of(order)).content.decode()
    assert "Mark as shipped" in form
    assert state(order)[0] == "processing"

    done = office.post(page_of(order), SAID)

    assert (done.status_code, done["Location"]) == (302, page_of(order, "change"))
    assert state(order)[:2] == ("shipped", SAID)
    assert history(order)[-1] == ("processing", "shipped", "back office")
    assert order.status_changes.last().actor == admin  # type: ignore[union-attr]
    shown = office.get(page_of(order, "change")).content.decode()
    for text in ("UPS", "1Z999", URL.replace("&", "&amp;")):
        assert text in shown
    assert 'name="carrier"' not in shown


def test_an_order_is_shipped_without_tracking(office: Client) -> None:
    order = make_order_in(OrderStatus.PROCESSING)

    office.post(page_of(order), {"carrier": "", "tracking_number": "", "tracking_url": ""})

    assert state(order)[:2] == ("shipped", dict.fromkeys(SAID, ""))


def test_the_tracking_of_a_shipped_order_is_corrected_once(office: Client) -> None:
    order = make_order_in(OrderStatus.PROCESSING)
    office.post(page_of(order), SAID)
    before = state(order)
    form = office.get(page_of(order))
    assert "Correct the tracking" in form.content.decode()
    assert {name: form.context["form"][name].value() for name in SAID} == SAID

    for _ in range(2):
        answer = office.post(page_of(order), {**SAID, "tracking_number": "1Z111"}, follow=True)
        assert f"Order {order.order_number} is shipped and tracked as you said." in answer.content.decode()

    corrected = {**SAID, "tracking_number": "1Z111"}
    assert state(order) == ("shipped", corrected, before[2] + 1, before[3], [*before[4], "orders.tracking_changed"])


def test_the_button_pressed_twice_ships_once(office: Client) -> None:
    order = make_order_in(OrderStatus.PROCESSING)

    answers = [office.post(page_of(order), SAID).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert news(order)[-2:] == ["orders.processing_started", "orders.shipped"]


@pytest.mark.parametrize(
    ("name", "text", "refusal"),
    [
        ("tracking_url", "javascript:alert(1)", "Use an address that begins with http:// or https://."),
        ("tracking_url", "https://", "This is not the address of a web page."),
        ("tracking_url", "https://a.example/" + "x" * 483, "Ensure this value has at most 500 characters"),
        ("carrier", "U\u2028S", "Control characters are not allowed."),
        ("carrier", "x" * 101, "Ensure this value has at most 100 characters"),
        ("tracking_number", "1\x1b2", "Control characters are not allowed."),
    ],
    ids=["javascript", "no host", "long address", "separator", "long carrier", "escape"],
)
def test_texts_that_are_refused_stand_in_the_form_again(name: str, text: str, refusal: str, office: Client) -> None:
    order = make_order_in(OrderStatus.PROCESSING)
    before = state(order)

    answer = office.post(page_of(order), {**SAID, name: text})

    assert (answer.status_code, refusal in answer.content.decode()) == (200, True)
    assert answer.context["form"]["carrier"].value() == (text if name == "carrier" else "UPS")
    assert state(order) == before


def test_what_the_service_refuses_stands_above_the_form(office: Client) -> None:
    order = hold(make_order_in(OrderStatus.PROCESSING))
    before = state(order)

    answer = office.post(page_of(order), SAID)

    assert f"Order {order.order_number} is on hold and is not sent." in answer.content.decode()
    assert state(order) == before


@pytest.mark.parametrize("status", [OrderStatus.CONFIRMED, OrderStatus.DELIVERED, OrderStatus.CANCELLED])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_order_without_a_parcel_on_its_way_leads_back(method: str, status: OrderStatus, office: Client) -> None:
    order = make_order_in(status)
    before = state(order)

    answer = getattr(office, method)(page_of(order), SAID, follow=True)

    assert answer.redirect_chain == [(page_of(order, "change"), 302)]
    assert f"Order {order.order_number} is {status.value}: there is no parcel to track." in answer.content.decode()
    assert state(order) == before


def test_a_form_that_lay_open_until_the_delivery_changes_nothing(office: Client) -> None:
    order = make_order_in(OrderStatus.SHIPPED)
    office.get(page_of(order))
    force_move(order, OrderStatus.DELIVERED)
    before = state(order)

    office.post(page_of(order), SAID)

    assert state(order) == before


def test_looking_is_not_shipping() -> None:
    viewer = make_admin()
    User.objects.filter(pk=viewer.pk).update(is_superuser=False)
    viewer = User.objects.get(pk=viewer.pk)
    viewer.user_permissions.add(Permission.objects.get(codename="view_order"))
    client, order = Client(), make_order_in(OrderStatus.PROCESSING)
    client.force_login(viewer)
    before = state(order)

    answers = [client.get(page_of(order)), client.post(page_of(order), SAID)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert page_of(order) not in client.get(page_of(order, "change")).content.decode()
    assert state(order) == before


def test_an_order_that_does_not_exist_is_not_found(office: Client) -> None:
    assert office.get("/admin/orders/order/01980000-0000-7000-8000-000000000000/ship/").status_code == 404
