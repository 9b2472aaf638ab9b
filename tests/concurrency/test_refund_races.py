"""Refunds at once, on real connections: they sum to what came, one key is one refund, and each order ends legally."""

import datetime as dt
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.orders import locks
from apps.orders.errors import InvalidTransition, ShippingAlreadyRefunded, TooManyUnits
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.payments.errors import OrderNotPayable, RefundTooLarge
from apps.payments.gateways.base import RefundRequest, RefundResult
from apps.payments.gateways.simulated import SimulatedGateway
from apps.payments.models import Payment, PaymentEntry, Refund
from apps.payments.services import refunding
from apps.payments.services.refund_plans import RefundCommand
from apps.payments.services.refunding import request_refund
from apps.payments.services.refunds import carry_out_refund
from core import clock
from core.events.worker import deliver_all_due
from tests.apps.orders.crowd import at_once, no_new_deadlocks, side_by_side, without_row_locks
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import money_of, pay
from tests.apps.payments.refunding.desk import (
    NOWHERE,
    captured,
    goods,
    items_of,
    odd_prices,
    paid_order,
    refund,
    taken,
    uneven_order,
    violations,
    watched_till,
    went_back,
)
from tests.factories import access_token_of, make_admin

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLIENTS = 8
ROUNDS = 20
ORDERS = 200
PLENTY = 100_000
SPREAD_SECONDS = 0.05  # rivals come at any moment of a payment, and after it
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _books_stay_right(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "control" not in request.node.name:
        assert violations() == {}


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    return random.Random(seed)


def asks(order: Order, admin: User, **wish: Any) -> Callable[[], Refund]:
    return lambda: request_refund(
        command=RefundCommand(actor=admin, order_id=order.pk, reason="as agreed", **wish), now=clock.now()
    )


def portions(order: Order, rng: random.Random) -> list[dict[str, Any]]:
    """Return wishes for all units of all lines in random portions, some for two lines, and for the shipping."""
    wishes: list[dict[str, Any]] = [{"shipping": True}]
    for item in items_of(order):
        left = item.quantity
        while left:
            units = rng.randint(1, left)
            fits = [wish for wish in wishes if rng.random() < 0.2 and item.pk not in wish.get("lines", {})]
            wish = fits[0] if fits else {}
            wish["lines"] = {**wish.get("lines", {}), item.pk: units}
            wishes += [] if fits else [wish]
            left -= units
    rng.shuffle(wishes)
    return wishes


def errors_in(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, Exception))


# --- Sums ------------------------------------------------------------------------------------------------
def test_refunds_of_all_lines_in_random_order_several_at_once_sum_to_what_was_paid(chance: random.Random) -> None:
    odd_prices()
    admin = make_admin()
    for _ in range(ROUNDS):
        order = uneven_order()
        wishes = portions(order, chance)
        for wish in wishes:
            wish["restock"] = "lines" in wish and chance.random() < 0.5

        with no_new_deadlocks():
            outcomes = at_once([asks(order, admin, **wish) for wish in wishes], clients=CLIENTS)

        assert errors_in(outcomes) == {}
        assert sum(made.amount for made in outcomes) == captured(order) == order.total_amount
        assert went_back(order) == captured(order)
        assert [refunded for refunded, _ in taken(order)] == [7, 3, 1]
        assert money_of(order) == ("confirmed", "refunded")


def test_twice_as_many_refunds_as_there_are_units_sum_to_what_was_paid(chance: random.Random) -> None:
    odd_prices()
    admin = make_admin()
    for _ in range(ROUNDS):
        order = uneven_order()
        units = [{"lines": {item.pk: 1}} for item in items_of(order) for _ in range(item.quantity)]
        wishes: list[dict[str, Any]] = [*units, {"shipping": True}] * 2
        chance.shuffle(wishes)

        outcomes = at_once([asks(order, admin, **wish) for wish in wishes], clients=CLIENTS)

        refusals = errors_in(outcomes)
        assert set(refusals) <= {TooManyUnits.__name__, ShippingAlreadyRefunded.__name__, RefundTooLarge.__name__}
        assert refusals.total() == 12
        assert went_back(order) == captured(order)
        assert [refunded for refunded, _ in taken(order)] == [7, 3, 1]


def test_goodwill_lines_and_wholes_at_once_never_exceed_what_was_paid(chance: random.Random) -> None:
    odd_prices()
    admin = make_admin()
    for _ in range(ROUNDS):
        order = uneven_order()
        wishes: list[dict[str, Any]] = [*portions(order, chance), *[{"amount": Decimal("9.99")}] * 6, {}, {}]
        chance.shuffle(wishes)

        outcomes = at_once([asks(order, admin, **wish) for wish in wishes], clients=CLIENTS)

        granted = [outcome for outcome in outcomes if isinstance(outcome, Refund)]
        assert sum(made.amount for made in granted) == went_back(order) == captured(order)
        assert set(errors_in(outcomes)) <= {"TooManyUnits", "ShippingAlreadyRefunded", "RefundTooLarge"}


@pytest.mark.parametrize("locked", [True, False], ids=["guarded", "control"])
def test_refunds_that_saw_the_same_money_do_not_both_take_it(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the order's lock all of them read 20.00, and the provider is told to send back more than came."""
    order, admin = paid_order(), make_admin()
    all_have_read, write = threading.Barrier(4), refunding._write

    def write_when_all_have_read(*args: Any) -> Refund:
        all_have_read.wait(10)
        return write(*args)

    if not locked:
        monkeypatch.setattr(refunding, "_write", write_when_all_have_read)
        monkeypatch.setattr(refunding, "lock_order", _read_without_lock)

    with watched_till() as till:
        outcomes = at_once([asks(order, admin, amount=Decimal("15.00"))] * 4, clients=4)

    told = sum(request.amount for request in till.asked)
    if locked:
        assert (told, errors_in(outcomes)) == (Decimal("15.00"), {"RefundTooLarge": 3})
    else:
        assert told > captured(order)


def _read_without_lock(order_id: Any, **options: Any) -> Order:
    with without_row_locks():
        return locks.lock_order(order_id, **options)


# --- Once ------------------------------------------------------------------------------------------------
def test_a_hundred_requests_with_one_key_are_one_refund_and_a_hundred_replays_are_alike(new_key: str) -> None:
    order = paid_order((goods(price="10.00"), 5))
    headers = {"Authorization": f"Bearer {access_token_of(make_admin())}", "Idempotency-Key": new_key}
    body = {"items": [{"item_id": str(items_of(order)[0].pk), "quantity": 1}], "reason": "Broken"}

    def send() -> tuple[int, bytes]:
        answer = Client().post(
            f"/api/v2/orders/{order.pk}/refunds/", body, content_type="application/json", headers=headers
        )
        return answer.status_code, answer.content

    with watched_till() as till:
        answers = at_once([send] * 100, clients=24)
        replays = [send() for _ in range(100)]

    statuses = Counter(status for status, _ in answers)
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert len({answer for answer in [*answers, *replays] if answer[0] == 201}) == 1
    assert {status for status, _ in replays} == {201}
    assert (Refund.objects.count(), len(till.asked)) == (1, 1)
    assert (went_back(order), taken(order)) == (10, [(1, 0)])


def test_one_refund_that_is_carried_out_by_many_at_once_is_one_refund() -> None:
    order = paid_order()
    with watched_till() as till:
        till.failure = NOWHERE
        waiting = refund(order, None, 1)
        till.failure = None
        twins = [Refund.objects.select_related("payment__order").get(pk=waiting.pk) for _ in range(16)]
        outcomes = at_once(
            [lambda twin=twin: carry_out_refund(refund=twin, now=clock.now()).state for twin in twins], clients=CLIENTS
        )
    assert outcomes == ["succeeded"] * 16
    waiting.refresh_from_db()
    assert (waiting.state, PaymentEntry.objects.filter(kind="refunded").count()) == ("succeeded", 1)
    assert {request.key for request in till.asked} == {f"refund-{waiting.pk.hex}"}


def test_no_row_is_locked_while_the_provider_is_told() -> None:
    order = paid_order()
    give_back, seen = SimulatedGateway.refund, []

    def watch(gateway: SimulatedGateway, request: RefundRequest) -> RefundResult:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            )
            seen.append((connection.in_atomic_block, cursor.fetchone()[0]))
        return give_back(gateway, request)

    with patch.object(SimulatedGateway, "refund", watch):
        refund(order, None, 1, restock=True)
    assert seen == [(False, 0)]


# --- Promise 7: pay, cancel, ship, refund, expire at one barrier -----------------------------------------
def test_orders_that_are_paid_cancelled_sent_refunded_and_expired_at_once_end_legally(chance: random.Random) -> None:
    variant, admin = goods(price="10.00", stock=PLENTY), make_admin()
    starts = [chance.choice([None, OrderStatus.CONFIRMED, OrderStatus.PROCESSING]) for _ in range(ORDERS)]
    orders = [
        make_order((variant, 2), now=NOW) if start is None else paid_order((variant, 2), at=start) for start in starts
    ]
    due = [LATER + dt.timedelta(minutes=number) for number in range(ORDERS)]
    for order, expires_at in zip(orders, due, strict=True):
        Order.objects.filter(pk=order.pk, status=OrderStatus.PENDING).update(expires_at=expires_at)
    wishes = [{"restock": chance.random() < 0.5} for _ in orders]

    def ship(number: int) -> Order:
        for to in (OrderStatus.PROCESSING, OrderStatus.SHIPPED):
            if to != starts[number]:
                move_order(order_id=orders[number].pk, to=to, actor=admin, now=clock.now())
        return orders[number]

    def at_any_moment(act: Callable[[int], Any]) -> Callable[[int], Any]:
        delays = [chance.uniform(0, SPREAD_SECONDS) for _ in orders]

        def later(number: int) -> Any:
            time.sleep(delays[number])
            return act(number)

        return later

    with no_new_deadlocks():
        outcomes = side_by_side(
            ORDERS,
            lambda number: pay(orders[number], now=NOW),
            at_any_moment(
                lambda number: cancel_order(order_id=orders[number].pk, actor=None, reason="", now=clock.now())
            ),
            at_any_moment(ship),
            at_any_moment(lambda number: asks(orders[number], admin, **wishes[number])()),
            at_any_moment(lambda number: expire_unpaid_orders(now=due[number])),
        )
    deliver_all_due()

    refusals = errors_in([outcome for outcomes_of_one in outcomes for outcome in outcomes_of_one])
    legal = {InvalidTransition, OrderNotPayable, RefundTooLarge}
    assert set(refusals) <= {kind.__name__ for kind in legal} | {"OrderNotPaid"}
    ended = Counter(money_of(order) for order in orders)
    paid = sum(captured(order) > 0 for order, start in zip(orders, starts, strict=True) if start is None)
    print(f"{starts.count(None)} began unpaid, {paid} were paid, ended {dict(ended)}, refused {dict(refusals)}")
    assert set(ended) <= {
        ("cancelled", "pending"), ("cancelled", "refunded"), ("shipped", "paid"), ("shipped", "refunded"),
        ("confirmed", "paid"), ("confirmed", "refunded"),
    }  # fmt: skip
    assert paid > 0
    for order in orders:
        assert went_back(order) in {0, captured(order)}
        if order.status == OrderStatus.CANCELLED:
            assert went_back(order) == captured(order)
    assert Payment.objects.open().count() == 0
    assert Refund.objects.filter(state="pending").count() == 0
