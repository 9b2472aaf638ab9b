"""Orders whose money came after they had expired; and deadlines that move."""

import datetime as dt

import pytest

from apps.accounts.models import User
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal
from apps.orders.services.cancellation import cancel_order, cancel_own_order
from apps.orders.services.deadlines import move_payment_deadline
from apps.orders.services.expiry import expire_unpaid_orders
from apps.orders.services.revival import revive_expired_order
from apps.orders.services.transitions import move_order
from apps.orders.states import ORDER_TRANSITIONS, OrderStatus
from core.transactions import atomic
from tests.apps.orders.making import (
    checkout,
    fill_cart,
    guest,
    history,
    make_order,
    make_order_in,
    news,
    pay,
    stock_of,
    take_back_units,
    violations,
)
from tests.factories import default_variant, make_product

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
DEADLINE = NOW + dt.timedelta(minutes=30)
LATER = NOW + dt.timedelta(hours=1)


def revive(order: Order) -> bool:
    with atomic():
        return revive_expired_order(order=lock_order(order.pk), now=LATER)


def move_deadline(order: Order, to: dt.datetime) -> None:
    with atomic():
        move_payment_deadline(order=lock_order(order.pk), to=to, now=NOW)


def nothing_changes(order: Order) -> tuple[object, ...]:
    order.refresh_from_db()
    variant = order.items.get().variant
    return order.status, order.version, order.cancel_reason, history(order), news(order), stock_of(variant)


def test_expired_order_is_pending_again_with_its_stock() -> None:
    variant = default_variant(make_product(stock=4))
    order = make_order((variant, 4), now=NOW)
    expire_unpaid_orders(now=LATER)

    assert revive(order)

    order.refresh_from_db()
    assert (order.status, order.cancelled_at, order.cancel_reason, order.version) == ("pending", None, "", 3)
    assert stock_of(variant) == (4, 4)
    assert history(order)[1:] == [("pending", "cancelled", "expired"), ("cancelled", "pending", "revived")]
    assert news(order) == ["orders.placed", "orders.cancelled", "orders.revived"]
    assert violations() == {}


def test_revived_order_is_paid_and_sent_like_any_other(admin: User) -> None:
    variant = default_variant(make_product(stock=4))
    order = make_order((variant, 4), now=NOW)
    expire_unpaid_orders(now=LATER)
    revive(order)

    assert pay(order).status == "confirmed"
    for step in (OrderStatus.PROCESSING, OrderStatus.SHIPPED):
        move_order(order_id=order.pk, to=step, actor=admin, now=LATER)

    assert stock_of(variant) == (0, 0)
    assert violations() == {}


def test_revived_order_that_nobody_marks_paid_expires_again() -> None:
    variant = default_variant(make_product(stock=4))
    order = make_order((variant, 4), now=NOW)
    expire_unpaid_orders(now=LATER)
    revive(order)

    assert expire_unpaid_orders(now=LATER) == 1
    assert revive(order)

    assert stock_of(variant) == (4, 4)


def test_order_whose_last_unit_was_sold_meanwhile_stays_cancelled() -> None:
    variant = default_variant(make_product(stock=4))
    order = make_order((variant, 4), now=NOW)
    expire_unpaid_orders(now=LATER)
    make_order((variant, 1))
    before = nothing_changes(order)

    assert not revive(order)

    assert nothing_changes(order) == before
    assert stock_of(variant) == (4, 1)
    assert violations() == {}


def test_an_order_is_revived_once() -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 4), now=NOW)
    expire_unpaid_orders(now=LATER)

    assert [revive(order), revive(order)] == [True, False]

    assert stock_of(variant) == (10, 4)
    assert news(order).count("orders.revived") == 1


@pytest.mark.parametrize("status", OrderStatus)
def test_only_expired_orders_are_revived(status: OrderStatus) -> None:
    order = make_order_in(status)
    before = nothing_changes(order)

    assert not revive(order)

    assert nothing_changes(order) == before


def test_what_a_customer_an_admin_or_a_guest_cancelled_stays_cancelled_whatever_reason_they_gave(
    customer: User, admin: User
) -> None:
    by_customer, by_admin, by_shop = make_order(user=customer, now=NOW), make_order(now=NOW), make_order(now=NOW)
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))
    placed = checkout(None, owner, NOW, payment_method="simulated")
    guest_principal = OrderPrincipal(order_token=placed.order_token)

    cancel_order(order_id=by_customer.pk, actor=customer, reason="expired", now=LATER)
    move_order(order_id=by_admin.pk, to=OrderStatus.CANCELLED, actor=admin, reason="expired", now=LATER)
    cancel_order(order_id=by_shop.pk, actor=None, reason="expired", now=LATER)
    cancel_own_order(principal=guest_principal, order_id=placed.order.pk, reason="expired", now=LATER)

    for order in (by_customer, by_admin, by_shop, placed.order):
        before = nothing_changes(order)
        assert not revive(order)
        assert nothing_changes(order) == before
        assert (order.status, order.cancel_reason) == ("cancelled", "expired")


def test_order_of_which_something_was_taken_back_is_not_revived() -> None:
    variant = default_variant(make_product(stock=10))
    order = make_order((variant, 4), now=NOW)
    take_back_units(order, 4)
    expire_unpaid_orders(now=LATER)

    assert not revive(order)

    assert stock_of(variant) == (10, 0)
    assert violations() == {}


def test_people_cannot_revive_an_order(admin: User) -> None:
    order = make_order(now=NOW)
    expire_unpaid_orders(now=LATER)

    assert ORDER_TRANSITIONS[OrderStatus.CANCELLED] == frozenset()
    with pytest.raises(Exception, match="cannot become pending"):
        move_order(order_id=order.pk, to=OrderStatus.PENDING, actor=admin, now=LATER)


def test_deadline_moves_later_and_earlier() -> None:
    late, early = make_order(now=NOW), make_order(now=NOW)

    move_deadline(late, LATER + dt.timedelta(days=1))
    move_deadline(early, NOW + dt.timedelta(minutes=1))

    assert expire_unpaid_orders(now=NOW + dt.timedelta(minutes=1)) == 1
    late.refresh_from_db()
    early.refresh_from_db()
    assert (early.status, late.status) == ("cancelled", "pending")
    assert (late.expires_at, late.version) == (LATER + dt.timedelta(days=1), 2)


def test_the_same_deadline_again_changes_nothing() -> None:
    order = make_order(now=NOW)

    move_deadline(order, DEADLINE)

    order.refresh_from_db()
    assert (order.expires_at, order.version) == (DEADLINE, 1)


@pytest.mark.parametrize("status", [status for status in OrderStatus if status != OrderStatus.PENDING])
def test_an_order_that_is_not_pending_keeps_its_deadline(status: OrderStatus) -> None:
    order = make_order_in(status)
    before = (order.expires_at, order.version)

    move_deadline(order, LATER)

    order.refresh_from_db()
    assert (order.expires_at, order.version) == before
