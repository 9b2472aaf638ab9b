"""Orders that end early: cancelled by somebody, or by the clock."""

import datetime as dt

import pytest

from apps.accounts.models import User
from apps.orders.errors import InvalidTransition, OrderNotFound
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.orders.states import OrderStatus, PaymentStatus
from core.events.models import OutboxEvent
from core.ids import new_id
from core.periodic.registry import jobs
from tests.apps.orders.making import history, make_order, make_order_in, news, pay, stock_of
from tests.factories import default_variant, make_product

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=30)


def test_cancelled_order_gives_its_stock_back(customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 4), user=customer)

    cancelled = cancel_order(order_id=order.pk, actor=customer, reason="changed my mind", now=NOW)

    assert (cancelled.status, cancelled.cancelled_at, cancelled.cancel_reason) == (
        "cancelled", NOW, "changed my mind",
    )  # fmt: skip
    assert stock_of(variant) == (10, 0)
    assert history(order)[-1] == ("pending", "cancelled", "changed my mind")


def test_cancellation_tells_what_had_been_paid(customer: User) -> None:
    order = make_order(user=customer)
    pay(order)

    cancel_order(order_id=order.pk, actor=customer, reason="", now=NOW)

    payload = OutboxEvent.objects.get(name="orders.cancelled").payload
    assert (payload["payment_status"], payload["reason"], payload["total_amount"]) == ("paid", "", "20.00")


@pytest.mark.parametrize("status", [OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.RETURNED])
def test_order_that_left_the_house_is_not_cancelled(status: OrderStatus, customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order_in(status, (variant, 4), user=customer)
    before = stock_of(variant)

    with pytest.raises(InvalidTransition):
        cancel_order(order_id=order.pk, actor=customer, reason="", now=NOW)

    order.refresh_from_db()
    assert order.status == status
    assert stock_of(variant) == before


def test_cancelling_twice_frees_the_stock_once(customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 4), user=customer)
    make_order((variant, 5))
    cancel_order(order_id=order.pk, actor=customer, reason="", now=NOW)

    with pytest.raises(InvalidTransition):
        cancel_order(order_id=order.pk, actor=customer, reason="", now=NOW)

    assert stock_of(variant) == (10, 5)
    assert news(order).count("orders.cancelled") == 1


def test_order_that_is_not_there(customer: User) -> None:
    with pytest.raises(OrderNotFound):
        cancel_order(order_id=new_id(), actor=customer, reason="", now=NOW)


def test_unpaid_order_expires_at_its_minute_and_not_before() -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 4), now=NOW)

    assert expire_unpaid_orders(now=LATER - dt.timedelta(microseconds=1)) == 0
    assert stock_of(variant) == (10, 4)
    assert expire_unpaid_orders(now=LATER) == 1

    order.refresh_from_db()
    assert (order.status, order.cancel_reason, order.cancelled_at) == ("cancelled", "expired", LATER)
    assert stock_of(variant) == (10, 0)
    assert history(order)[-1] == ("pending", "cancelled", "expired")
    assert news(order) == ["orders.placed", "orders.cancelled"]


def test_a_second_sweep_finds_nothing() -> None:
    make_order(now=NOW)
    expire_unpaid_orders(now=LATER)

    assert expire_unpaid_orders(now=LATER) == 0
    assert OutboxEvent.objects.filter(name="orders.cancelled").count() == 1


def test_paid_and_cash_orders_do_not_expire() -> None:
    paid, cash = make_order(now=NOW), make_order(now=NOW, payment_method="cod")
    pay(paid)

    assert expire_unpaid_orders(now=NOW + dt.timedelta(days=30)) == 0

    assert set(Order.objects.values_list("pk", "status")) == {(paid.pk, "confirmed"), (cash.pk, "confirmed")}


def test_failed_payment_does_not_keep_an_order_from_expiring() -> None:
    order = make_order(now=NOW)
    pay(order, PaymentStatus.FAILED)

    assert expire_unpaid_orders(now=LATER) == 1


def test_oldest_orders_expire_first_when_there_are_too_many() -> None:
    young, old = make_order(now=NOW), make_order(now=NOW - dt.timedelta(minutes=5))

    assert expire_unpaid_orders(now=LATER, limit=1) == 1

    young.refresh_from_db()
    old.refresh_from_db()
    assert (young.status, old.status) == ("pending", "cancelled")


def test_the_clock_runs_the_expiry() -> None:
    order = make_order(now=NOW)
    job = jobs()["orders.expire_unpaid"]

    job.run(LATER)

    order.refresh_from_db()
    assert (order.status, job.seconds) == ("cancelled", 30)
