"""Orders that are paid over HTTP at the moment they expire: goods for money, or the money back, and nothing twice."""

import datetime as dt
import random
import time
from collections import Counter
from typing import Any

import pytest
from django.test import Client

from apps.inventory.models import Reservation
from apps.inventory.states import ReservationState
from apps.orders.models import Order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.payments.models import PaymentEntry
from core import clock
from core.events.worker import deliver_all_due
from core.invariants import check_invariants
from tests.apps.orders.crowd import no_new_deadlocks, side_by_side
from tests.apps.orders.making import make_order, stock_of
from tests.factories import access_token_of, default_variant, make_product
from tests.http import ApiClient

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS = 100
PLENTY = 10_000
SPREAD_SECONDS = 0.05  # sweepers come at any moment of a payment, and before and after it


def test_orders_paid_over_http_while_two_sweepers_expire_them_end_with_goods_or_without_charge() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    variant = default_variant(make_product(stock=PLENTY))
    orders = [make_order((variant, 1)) for _ in range(ROUNDS)]
    due = [clock.now() + dt.timedelta(hours=1, minutes=number) for number in range(ROUNDS)]
    for order, expires_at in zip(orders, due, strict=True):
        Order.objects.filter(pk=order.pk).update(expires_at=expires_at)

    def pay(number: int) -> Any:
        order = orders[number]
        api = ApiClient(Client(raise_request_exception=False), access=access_token_of(order.user))  # type: ignore[arg-type]
        body = {"order_id": str(order.pk), "provider": "simulated"}
        return api.post("payments/process/", body, Idempotency_Key=order.pk.hex)

    def sweep(number: int) -> int:
        time.sleep(chance.uniform(0, SPREAD_SECONDS))
        return expire_unpaid_orders(now=due[number])

    with no_new_deadlocks():
        answers, *swept = side_by_side(ROUNDS, pay, sweep, sweep)
    for sweeps in swept:
        assert all(isinstance(count, int) for count in sweeps), sweeps
    deliver_all_due()

    ended = Counter(Order.objects.values_list("status", "payment_status"))
    print(f"ended {dict(ended)}")
    assert set(ended) <= {("confirmed", "paid"), ("cancelled", "pending"), ("cancelled", "refunded")}
    for order, answer in zip(orders, answers, strict=True):
        order.refresh_from_db()
        refused = (answer.status_code, order.payment_status) == (409, "pending")
        assert refused or (answer.status_code == 201 and order.payment_status in {"paid", "refunded", "pending"})
    sold = ended["confirmed", "paid"]
    assert stock_of(variant) == (PLENTY, sold)
    assert Reservation.objects.filter(state=ReservationState.RELEASED).count() == ROUNDS - sold
    kinds = Counter(PaymentEntry.objects.values_list("kind", flat=True))
    assert kinds["captured"] - kinds["refunded"] == sold
    assert {finding.name: finding.violations for finding in check_invariants() if finding.violations} == {}
