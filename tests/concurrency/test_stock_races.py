"""Races for the last units, on real connections; each with a control that goes wrong without the guard."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F, Sum

from apps.inventory.errors import OutOfStock
from apps.inventory.invariants import (
    on_hand_equals_ledger,
    reserved_equals_open_reservations,
    reserved_within_on_hand,
)
from apps.inventory.models import Reservation, Stock, StockMovement
from apps.inventory.services.reservations import commit, release, reserve, restock
from apps.inventory.services.stock import set_available
from apps.inventory.states import MovementKind, ReservationState
from core import clock
from tests.factories import default_variant, make_product

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLIENTS = 32
LAST_UNITS = 50
BUYERS = 1_000


@pytest.fixture
def rng(record_property: Callable[[str, object], None]) -> random.Random:
    seed = random.randrange(2**32)
    record_property("seed", seed)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def hot() -> uuid.UUID:
    return default_variant(make_product(stock=LAST_UNITS)).id


@pytest.fixture
def plenty() -> list[uuid.UUID]:
    return [default_variant(make_product(stock=100_000)).id for _ in range(4)]


@pytest.fixture(autouse=True)
def _stock_stays_consistent() -> Iterator[None]:
    yield
    checks = (reserved_within_on_hand, on_hand_equals_ledger, reserved_equals_open_reservations)
    assert [line for check in checks for line in check()] == []


def at_once(tasks: Sequence[Callable[[], object]], *, clients: int = CLIENTS) -> Counter[str]:
    """Run the tasks on real connections, `clients` at a time; count their outcomes by name ("ok" or the error's)."""

    def outcome_of(task: Callable[[], object]) -> str:
        try:
            task()
        except Exception as error:  # noqa: BLE001 - the outcome is what is counted
            return type(error).__name__
        return "ok"

    with ThreadPoolExecutor(clients) as pool:
        outcomes = Counter(pool.map(outcome_of, tasks))
        barrier = threading.Barrier(clients)

        def hang_up() -> None:
            barrier.wait()
            connection.close()

        for future in [pool.submit(hang_up) for _ in range(clients)]:
            future.result()
    return outcomes


def test_a_thousand_buyers_of_the_last_fifty_units_get_exactly_fifty(
    hot: uuid.UUID, plenty: list[uuid.UUID], rng: random.Random
) -> None:
    def buyer(number: int) -> Callable[[], None]:
        lines = [hot, *rng.sample(plenty, rng.randrange(5))]
        rng.shuffle(lines)
        demand = dict.fromkeys(lines, 1)
        return lambda: reserve(reference=f"order:{number}", demand=demand, now=clock.now())

    began = time.monotonic()
    outcomes = at_once([buyer(number) for number in range(BUYERS)])
    assert outcomes == {"ok": LAST_UNITS, OutOfStock.__name__: BUYERS - LAST_UNITS}
    assert Stock.objects.values_list("on_hand", "reserved").get(variant_id=hot) == (LAST_UNITS, LAST_UNITS)
    assert Reservation.objects.filter(stock__variant_id=hot).count() == LAST_UNITS
    assert time.monotonic() - began < 60


def test_control_reading_checking_and_then_writing_oversells(hot: uuid.UUID) -> None:
    def naive_buyer(number: int) -> Callable[[], None]:
        def buy() -> None:
            with transaction.atomic():
                stock = Stock.objects.get(variant_id=hot)
                if stock.available < 1:
                    raise OutOfStock
                time.sleep(0.001)
                Stock.objects.filter(pk=stock.pk).update(reserved=stock.reserved + 1)
                Reservation.objects.create(stock=stock, reference=f"order:{number}", quantity=1, created_at=clock.now())

        return buy

    at_once([naive_buyer(number) for number in range(300)])
    sold = Reservation.objects.aggregate(units=Sum("quantity"))["units"]
    Reservation.objects.all().delete()
    Stock.objects.update(reserved=0)
    assert sold > LAST_UNITS


def test_orders_with_the_same_lines_in_opposite_order_do_not_deadlock(plenty: list[uuid.UUID]) -> None:
    first, second = plenty[:2]

    def buyer(number: int) -> Callable[[], None]:
        demand = {first: 1, second: 1} if number % 2 else {second: 1, first: 1}
        return lambda: reserve(reference=f"order:{number}", demand=demand, now=clock.now())

    assert at_once([buyer(number) for number in range(200)], clients=8) == {"ok": 200}


def test_control_locking_in_the_order_of_the_lines_deadlocks(plenty: list[uuid.UUID]) -> None:
    both_hold_one = threading.Barrier(2, timeout=10)

    def unsorted_buyer(lines: list[uuid.UUID]) -> None:
        with transaction.atomic():
            for position, variant_id in enumerate(lines):
                Stock.objects.filter(variant_id=variant_id).update(reserved=F("reserved") + 0)
                if position == 0:
                    both_hold_one.wait()

    lines = plenty[:2]
    outcomes = at_once([lambda: unsorted_buyer(lines), lambda: unsorted_buyer(lines[::-1])], clients=2)
    assert outcomes == {"ok": 1, OperationalError.__name__: 1}


def test_a_promise_that_is_shipped_and_cancelled_at_once_ends_in_one_of_the_two(hot: uuid.UUID) -> None:
    references = [f"order:{number}" for number in range(20)]
    for reference in references:
        reserve(reference=reference, demand={hot: 1}, now=clock.now())
    moved: list[int] = []
    tasks = [
        lambda move=move, reference=reference: moved.append(move(reference=reference, now=clock.now()))  # type: ignore[misc]
        for reference in references
        for move in (commit, release, release, commit)
    ]
    assert at_once(tasks, clients=8) == {"ok": 80}
    assert sum(moved) == len(references)
    shipped = Reservation.objects.filter(state=ReservationState.COMMITTED).count()
    assert Stock.objects.values_list("on_hand", "reserved").get(variant_id=hot) == (LAST_UNITS - shipped, 0)


def test_goods_that_come_back_many_times_at_once_come_back_once(hot: uuid.UUID) -> None:
    def bring_back() -> None:
        restock(reference="order:1", demand={hot: 3}, reason="returned", now=clock.now())

    assert at_once([bring_back] * 16, clients=8) == {"ok": 16}
    assert StockMovement.objects.filter(kind=MovementKind.RESTOCK).count() == 1
    assert Stock.objects.get(variant_id=hot).on_hand == LAST_UNITS + 3


def test_setting_the_stock_of_a_new_variant_many_times_at_once_makes_one_row() -> None:
    variant_id = default_variant(make_product(stock=None)).id

    def fill() -> None:
        set_available(variant_id=variant_id, quantity=7, reason="counted", now=clock.now())

    assert at_once([fill] * 16, clients=8) == {"ok": 16}
    assert Stock.objects.get(variant_id=variant_id).on_hand == 7
    assert StockMovement.objects.filter(stock__variant_id=variant_id).count() == 1
