"""Whatever is refunded in whatever order: never more than came, and in the end exactly that."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.orders.errors import ShippingAlreadyRefunded, TooManyUnits
from apps.orders.models import Order
from apps.payments.errors import ProviderRefused, RefundTooLarge
from apps.payments.models import Refund
from apps.payments.services.refunds import carry_out_waiting_refunds
from apps.payments.states import RefundState
from apps.pricing.models import TaxRate
from apps.shipping.models import ShippingMethod
from core import clock
from tests.apps.payments.refunding.desk import (
    NEVER,
    NOWHERE,
    UNHEARD,
    captured,
    goods,
    items_of,
    odd_prices,
    paid_order,
    refund,
    taken,
    violations,
    watched_till,
    went_back,
)
from tests.factories import make_admin

pytestmark = pytest.mark.django_db
EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
CENTS = st.integers(1, 20_000).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
LINES = st.lists(st.tuples(CENTS, st.integers(1, 9)), min_size=1, max_size=4)
WISHES = st.fixed_dictionaries(
    {},
    optional={"units": st.lists(st.integers(0, 4), min_size=1, max_size=4), "amount": CENTS, "shipping": st.just(True)},
)
ANSWERS = st.sampled_from([None, None, None, NOWHERE, NEVER])
REFUSALS = (RefundTooLarge, TooManyUnits, ShippingAlreadyRefunded, ProviderRefused)


def order_of(lines: list[tuple[str, int]]) -> Order:
    """Return a paid order of so many units at these prices, with shipping and a tax that divides nowhere."""
    if not ShippingMethod.objects.exists() and not TaxRate.objects.exists():
        odd_prices()
    return paid_order(*[(goods(price=price), units) for price, units in lines])


def on_its_way(order: Order) -> Decimal:
    pending = Refund.objects.filter(payment__order=order, state=RefundState.PENDING)
    return sum(pending.values_list("amount", flat=True), Decimal(0))


def ask(order: Order, admin: User, wish: dict[str, Any]) -> bool:
    """Ask for a refund, unless of nothing in particular; return whether it was granted."""
    units = wish.pop("units", [])
    if not any(units[: len(items_of(order))]) and not wish:
        return False
    try:
        refund(order, admin, *units, **wish)
    except REFUSALS:
        return False
    return True


@EXAMPLES
@given(lines=LINES, wishes=st.lists(st.tuples(WISHES, ANSWERS), max_size=8))
def test_no_sequence_of_refunds_gives_back_more_than_came_and_the_whole_gives_back_the_rest(
    lines: list[tuple[str, int]], wishes: list[tuple[dict[str, Any], Any]]
) -> None:
    order, admin, now = order_of(lines), make_admin(), clock.now()

    with watched_till() as till:
        for wish, till.failure in wishes:
            ask(order, admin, dict(wish))
            assert went_back(order) + on_its_way(order) <= captured(order)
        till.failure = None
        if went_back(order) + on_its_way(order) < captured(order):
            refund(order, admin)
        carry_out_waiting_refunds(now=now + dt.timedelta(minutes=10) + UNHEARD)

    assert (went_back(order), on_its_way(order)) == (captured(order), 0)
    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert violations() == {}


@EXAMPLES
@given(lines=LINES, rng=st.randoms())
def test_all_units_in_any_portions_and_the_shipping_come_to_what_was_paid(
    lines: list[tuple[str, int]], rng: random.Random
) -> None:
    order, admin = order_of(lines), make_admin()
    wishes: list[dict[str, Any]] = [{"shipping": True}]
    for position, (_, units) in enumerate(lines):
        while units:
            portion = rng.randint(1, units)
            wishes.append({"units": [0] * position + [portion]})
            units -= portion
    rng.shuffle(wishes)

    assert all(ask(order, admin, wish) for wish in wishes)

    assert went_back(order) == captured(order) == order.total_amount
    assert taken(order) == [(units, 0) for _, units in lines]
