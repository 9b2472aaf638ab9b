"""Paid, delivered, sold, and how do you like it: mails to customers and sellers."""

import datetime as dt

import pytest
from django.conf import LazySettings
from django.core import mail

from apps.accounts.models import User
from apps.notifications.models import OptOut, SentEmail
from apps.notifications.services.review_requests import ask_for_reviews
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from core import clock
from core.events.models import OutboxDelivery
from core.events.worker import deliver_all_due
from tests.apps.notifications.test_mails import html_of, sent
from tests.apps.orders.making import force_move, make_order, make_order_in, pay
from tests.factories import default_variant, make_product, make_seller, make_shipping

pytestmark = pytest.mark.django_db


def delivered(days_ago: float, **fields: object) -> Order:
    order = make_order_in(OrderStatus.DELIVERED, payment_method="cod", **fields)
    Order.objects.filter(pk=order.pk).update(delivered_at=clock.now() - dt.timedelta(days=days_ago))
    return order


def test_money_that_came_is_confirmed_once() -> None:
    order = make_order(language="bn")
    pay(order)
    deliver_all_due()
    (message,) = sent("order_paid")
    assert message.subject == f"অর্ডার {order.order_number}-এর মূল্য আমরা পেয়েছি"
    assert "20.00 USD" in message.body
    assert '<html lang="bn"' in html_of(message)


def test_who_paid_the_courier_needs_no_mail_about_it() -> None:
    order = make_order_in(OrderStatus.DELIVERED, payment_method="cod")
    pay(order)
    deliver_all_due()
    assert sent("order_paid") == []


def test_an_order_that_has_arrived_is_announced() -> None:
    order = make_order_in(OrderStatus.DELIVERED, payment_method="cod")
    deliver_all_due()
    (message,) = sent("order_delivered")
    assert (message.to, message.subject) == ([order.email], f"Your order {order.order_number} has been delivered")


def test_each_seller_is_mailed_their_own_lines_and_no_address() -> None:
    make_shipping()
    ada, bob = make_seller(), make_seller()
    hat = default_variant(make_product(seller=ada, name="Felt hat", price="12.00"))
    mug = default_variant(make_product(seller=bob, name="Mug", price="8.00"))
    order = make_order((hat, 1), (mug, 2), payment_method="cod")
    deliver_all_due()
    mails = {message.to[0]: message for message in sent("new_order")}
    assert set(mails) == {ada.email, bob.email}
    assert len({message.extra_headers["Message-ID"] for message in mails.values()}) == 2
    body = str(mails[bob.email].body)
    assert "2 x Mug: 16.00 USD" in body
    for foreign in ("Felt hat", order.email, "Analytical Way", "/admin/"):
        assert foreign not in body + html_of(mails[bob.email])


def test_sellers_are_mailed_once_when_the_handler_runs_again() -> None:
    make_order(payment_method="cod")
    deliver_all_due()
    for _ in range(2):
        OutboxDelivery.objects.filter(handler="notifications.new_order").update(state="pending", due_at=clock.now())
        deliver_all_due()
    assert len(sent("new_order")) == 1


def test_a_seller_who_has_left_or_does_not_want_it_is_not_mailed(seller: User) -> None:
    make_shipping()
    gone = make_seller()
    goods = [default_variant(make_product(seller=who)) for who in (seller, gone)]
    make_order(*((variant, 1) for variant in goods), payment_method="cod")
    OptOut.objects.create(user=seller, kind="new_order", channel="mail")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    deliver_all_due()
    assert sent("new_order") == []


def test_customers_are_asked_once_some_days_after_the_delivery(settings: LazySettings) -> None:
    settings.REVIEW_REQUEST_DAYS = 7
    early, due, late = delivered(6.9), delivered(7.1), delivered(10.1)
    assert [ask_for_reviews(now=clock.now()) for _ in range(3)] == [1, 0, 0]
    (message,) = sent("review_request")
    assert message.subject == f"How do you like your order {due.order_number}?"
    assert f"/account/orders/{due.pk}" in message.body
    assert SentEmail.objects.filter(kind="review_request").get().reference == due.order_number
    assert early.pk != late.pk


def test_nobody_is_asked_unless_the_shop_says_so() -> None:
    delivered(7.1)
    assert ask_for_reviews(now=clock.now()) == 0
    assert sent("review_request") == []


def test_what_came_back_and_who_does_not_want_it_is_not_asked_about(settings: LazySettings) -> None:
    settings.REVIEW_REQUEST_DAYS = 7
    returned, unwanted = delivered(7.1), delivered(7.1)
    force_move(returned, OrderStatus.RETURNED)
    OptOut.objects.create(user=unwanted.user, kind="review_request", channel="mail")
    assert ask_for_reviews(now=clock.now()) == 0
    assert mail.outbox == []
