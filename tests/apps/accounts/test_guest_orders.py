"""Orders of guests move into an account whose holder has proven their address, and into no other."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.one_time_links import make_token
from apps.accounts.states import LinkPurpose
from apps.orders.models import Order
from apps.orders.services.claiming import claim_guest_orders
from core import clock
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from tests.apps.orders.making import checkout, fill_cart, guest, news
from tests.factories import PASSWORD, access_token_of, default_variant, make_product, make_shipping, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
EMAIL = "ada@example.com"


@pytest.fixture
def orders() -> list[Order]:
    """Two orders that a guest placed with EMAIL, and a stranger's."""
    make_shipping()
    goods = default_variant(make_product(stock=100))
    emails = [EMAIL, EMAIL, "stranger@example.com"]
    return [checkout(None, fill_cart(guest()[0], (goods, 1)), email=email).order for email in emails]


def owners(orders: list[Order]) -> list[object]:
    found = dict(Order.objects.values_list("pk", "user_id"))
    return [found[order.pk] for order in orders]


def client_of(user: User) -> ApiClient:
    return ApiClient(Client(), access=access_token_of(user), base="/api/v2/")


def prove(user: User, *, signed_in: bool) -> None:
    token = make_token(user=user, purpose=LinkPurpose.VERIFY_EMAIL, issued_at=clock.now())
    client = client_of(user) if signed_in else ApiClient(Client(), base="/api/v2/")
    assert client.post("auth/email/verify/", {"token": token}).status_code == 204
    deliver_all_due()
    user.refresh_from_db()


def test_registering_with_a_guests_address_shows_none_of_their_orders(orders: list[Order]) -> None:
    made = ApiClient(Client()).post("auth/register/", {"email": EMAIL, "password": PASSWORD}).json()
    deliver_all_due()
    assert ApiClient(Client(), access=made["access"]).get("orders/").json()["count"] == 0
    assert owners(orders) == [None, None, None]


def test_whoever_proves_the_address_while_signed_in_gets_its_orders(orders: list[Order]) -> None:
    user = make_user(email=EMAIL)
    version = orders[0].version
    prove(user, signed_in=True)
    assert owners(orders) == [user.pk, user.pk, None]
    seen = ApiClient(Client(), access=access_token_of(user)).get("orders/").json()
    assert {row["id"] for row in seen["results"]} == {str(order.pk) for order in orders[:2]}
    orders[0].refresh_from_db()
    assert orders[0].version == version + 1
    assert news(orders[0])[-1] == "orders.claimed"
    assert "orders.claimed" not in news(orders[2])


def test_a_link_opened_signed_out_moves_nothing_and_a_second_one_signed_in_does(orders: list[Order]) -> None:
    user = make_user(email=EMAIL)  # perhaps made by somebody who does not read this mail
    prove(user, signed_in=False)
    assert user.email_verified_at is not None
    assert owners(orders) == [None, None, None]
    prove(user, signed_in=True)
    assert owners(orders) == [user.pk, user.pk, None]


def test_a_password_set_by_mail_fetches_them_too(orders: list[Order]) -> None:
    user = make_user(email=EMAIL)
    token = make_token(user=user, purpose=LinkPurpose.RESET_PASSWORD, issued_at=clock.now())
    body = {"token": token, "password": "quite-another-staple"}
    assert ApiClient(Client(), base="/api/v2/").post("auth/password/reset/confirm/", body).status_code == 204
    deliver_all_due()
    assert owners(orders) == [user.pk, user.pk, None]


@pytest.mark.parametrize(
    "change",
    [{"email_verified_at": None}, {"email": "moved@example.com"}, {"is_active": False}],
    ids=["not proven", "moved", "closed"],
)
def test_nothing_moves_when_the_account_is_another_by_then(orders: list[Order], change: dict[str, object]) -> None:
    user = make_user(email=EMAIL, email_verified_at=clock.now())
    User.objects.filter(pk=user.pk).update(**change)
    before = OutboxEvent.objects.count()
    assert claim_guest_orders(user_id=user.pk, email=EMAIL, now=clock.now()) == 0
    assert (owners(orders), OutboxEvent.objects.count()) == ([None, None, None], before)


def test_claiming_twice_moves_them_once(orders: list[Order]) -> None:
    user = make_user(email=EMAIL, email_verified_at=clock.now())
    moved = [claim_guest_orders(user_id=user.pk, email=EMAIL, now=clock.now()) for _ in range(2)]
    assert moved == [2, 0]
    assert OutboxEvent.objects.filter(name="orders.claimed").count() == 2


def test_the_guests_key_stays_good(orders: list[Order]) -> None:
    make_shipping(code="express")
    placed = checkout(None, fill_cart(guest()[0], (default_variant(make_product()), 1)), email=EMAIL)
    user = make_user(email=EMAIL, email_verified_at=clock.now())
    claim_guest_orders(user_id=user.pk, email=EMAIL, now=clock.now())
    holder = ApiClient(Client(), order_token=placed.order_token or "")
    assert holder.get(f"orders/{placed.order.pk}/").status_code == 200
