"""Cash on delivery is in the ledger when the goods are handed over, with who told it."""

import pytest

from apps.accounts.models import User
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.payments.errors import OrderNotPayable, PaymentInProgress
from apps.payments.models import Payment, PaymentEntry
from apps.payments.services.cash import collect_cash
from core import clock
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order, make_order_in
from tests.apps.payments.paying import everything, ledger, money_of, pay

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("asked_before", [True, False])
def test_delivery_collects_the_cash_in_the_name_of_who_delivered(admin: User, asked_before: bool) -> None:
    order = make_order_in(OrderStatus.SHIPPED, payment_method="cod")
    if asked_before:
        pay(order, provider="cod")
    move_order(order_id=order.pk, to=OrderStatus.DELIVERED, actor=admin, now=clock.now())
    deliver_all_due()
    payment = Payment.objects.get()
    assert (payment.provider, payment.status, ledger(payment)) == ("cod", "succeeded", [("captured", "20.00")])
    assert PaymentEntry.objects.get().actor == admin
    assert money_of(order) == ("delivered", "paid")


def test_collecting_twice_is_collecting_once(admin: User) -> None:
    order = make_order_in(OrderStatus.SHIPPED, payment_method="cod")
    collect_cash(order_id=order.pk, actor=admin, now=clock.now())
    before = everything()
    assert collect_cash(order_id=order.pk, actor=admin, now=clock.now()) is None
    assert everything() == before


def test_an_order_that_was_paid_online_costs_nothing_at_the_door() -> None:
    order = make_order(payment_method="cod")
    pay(order, "pm_sim_success")
    assert collect_cash(order_id=order.pk, actor=None, now=clock.now()) is None
    assert Payment.objects.get().provider == "simulated"


def test_the_courier_waits_while_an_online_payment_may_be_on_its_way() -> None:
    order = make_order(payment_method="cod")
    pay(order, "pm_sim_settles_late")
    before = everything()
    with pytest.raises(PaymentInProgress):
        collect_cash(order_id=order.pk, actor=None, now=clock.now())
    assert everything() == before


def test_no_cash_for_an_order_paid_online_or_cancelled(admin: User) -> None:
    orders = [make_order(), make_order_in(OrderStatus.CANCELLED, payment_method="cod")]
    before = everything()
    for order in orders:
        with pytest.raises(OrderNotPayable):
            collect_cash(order_id=order.pk, actor=admin, now=clock.now())
    assert everything() == before


def test_delivering_an_order_paid_online_collects_nothing(admin: User) -> None:
    order = make_order_in(OrderStatus.SHIPPED)
    pay(order)
    move_order(order_id=order.pk, to=OrderStatus.DELIVERED, actor=admin, now=clock.now())
    deliver_all_due()
    assert PaymentEntry.objects.count() == 1
