"""Refunds in the back office: the form does what the service does, once, for those who may."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.orders.models import Order
from apps.payments.models import Payment, Refund
from tests.apps.payments.paying import everything, money_of
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
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def order() -> Order:
    odd_prices()
    return paid_order((goods(price="10.00"), 3), (goods(price="30.00"), 1))


def page_of(order: Order) -> str:
    return f"/admin/orders/order/{order.pk}/refund/"


def filled(office: Client, order: Order, *units: int, **fields: Any) -> dict[str, Any]:
    """Return what a person sends from a fresh form."""
    key = office.get(page_of(order)).context["form"]["key"].value()
    named = {f"units_{item.pk.hex}": count for item, count in zip(items_of(order), units, strict=False)}
    return {"key": str(key), "reason": "as agreed", **named, **fields}


def send(office: Client, order: Order, *units: int, **fields: Any) -> Any:
    return office.post(page_of(order), filled(office, order, *units, **fields), follow=True)


@pytest.mark.parametrize("kind", ["order", "payment"])
def test_the_pages_of_the_order_and_of_its_payment_lead_to_the_form(office: Client, order: Order, kind: str) -> None:
    page = {
        "order": f"/admin/orders/order/{order.pk}/",
        "payment": f"/admin/payments/payment/{Payment.objects.get().pk}/",
    }[kind]
    assert f"{page}refund/" in office.get(f"{page}change/").content.decode()
    form = office.get(f"{page}refund/")
    assert (form.status_code, Refund.objects.count()) == (200, 0)
    text = form.content.decode()
    assert f"{order.total_amount:.2f} USD can be refunded." in text
    assert "3 of 3 left, at 10.00 USD." in text
    done = office.post(f"{page}refund/", filled(office, order, amount="1.00"))
    assert (done.status_code, done["Location"]) == (302, f"{page}change/")
    assert went_back(order) == 1


def test_units_and_the_shipping_are_refunded_and_restocked(office: Client, admin: User, order: Order) -> None:
    answer = send(office, order, 2, 0, shipping="on", restock="on", reason="Broken")
    made = Refund.objects.get()
    assert "Refund of 26.80 USD: succeeded." in answer.content.decode()
    assert (made.amount, made.takes_shipping, made.restocked) == (Decimal("26.80"), True, True)
    assert (made.reason, made.actor) == ("Broken", admin)
    assert taken(order) == [(2, 2), (0, 0)]


def test_everything_that_is_left_is_refunded(office: Client, order: Order) -> None:
    refund(order, None, 1)
    send(office, order, whole="on")
    assert (went_back(order), money_of(order)) == (order.total_amount, ("confirmed", "refunded"))
    assert taken(order) == [(3, 0), (1, 0)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"whole": "on", "amount": "1.00"},
        {"whole": "on", "shipping": "on"},
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1.001"},
        {"amount": "1000.00"},
        {"amount": "1.00", "restock": "on"},
        {"amount": "1.00", "reason": ""},
        {"amount": "1.00", "reason": "x" * 201},
        {"amount": "1.00", "key": ""},
    ],
)
def test_what_makes_no_sense_is_told_on_the_form(office: Client, order: Order, fields: dict[str, str]) -> None:
    before = everything()
    answer = send(office, order, **fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert everything() == before


def test_more_units_than_there_are_are_told_on_the_form(office: Client, order: Order) -> None:
    before = everything()
    assert send(office, order, 4).context["form"].errors
    assert everything() == before


def test_a_form_that_is_sent_twice_is_one_refund_and_with_other_words_another(office: Client, order: Order) -> None:
    words = filled(office, order, amount="1.00")
    for _ in range(2):
        assert office.post(page_of(order), words).status_code == 302
    assert (Refund.objects.count(), went_back(order)) == (1, 1)
    office.post(page_of(order), {**words, "amount": "2.00"})
    assert (Refund.objects.count(), went_back(order)) == (2, 3)


def test_a_provider_that_is_away_or_refuses_is_told(office: Client, order: Order) -> None:
    with watched_till() as till:
        till.failure = NOWHERE
        assert "Refund of 1.00 USD: pending." in send(office, order, amount="1.00").content.decode()
        till.failure = NEVER
        refused = send(office, order, 1)
    assert "The payment provider refused (account_closed). Nothing went back." in refused.content.decode()
    assert refused.context["form"].is_bound is False
    assert taken(order) == [(0, 0), (0, 0)]


def test_what_is_taken_back_cannot_be_chosen_again(office: Client, order: Order) -> None:
    refund(order, None, 3, shipping=True)
    form = office.get(page_of(order)).context["form"]
    assert [field.disabled for name, field in form.fields.items() if name.startswith("units_")] == [True, False]
    assert "shipping" not in form.fields


def test_only_who_may_change_payments_refunds(order: Order) -> None:
    clerk = make_user(role="admin")
    clerk.user_permissions.add(Permission.objects.get(codename="view_order"))
    client = Client()
    client.force_login(clerk)
    before = everything()
    assert "/refund/" not in client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    for send_it in (client.get, client.post):
        assert send_it(page_of(order)).status_code == 403
    assert Client().post(page_of(order)).status_code == 302  # to the sign-in
    assert everything() == before


def test_there_is_no_form_for_an_order_or_a_payment_that_is_not_there(office: Client, order: Order) -> None:
    for kind in ("orders/order", "payments/payment"):
        for name in (order.cart_id, "nothing"):
            assert office.get(f"/admin/{kind}/{name}/refund/").status_code == 404


def test_the_refunds_page_shows_its_lines(office: Client, order: Order) -> None:
    made = refund(order, None, 2)
    page = office.get(f"/admin/payments/refund/{made.pk}/change/").content.decode()
    assert "21.45" in page
