"""Promises to orders: all or nothing, and harmless the second time."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.inventory.errors import OutOfStock
from apps.inventory.events import StockRanLow
from apps.inventory.locks import lock_stock
from apps.inventory.models import Reservation, Stock, StockMovement
from apps.inventory.selectors import available_units
from apps.inventory.services import reservations as service
from apps.inventory.services.changing import StockChange, apply_changes
from apps.inventory.services.reservations import StockDrift, commit, release, reserve, restock
from apps.inventory.states import MovementKind, ReservationState
from core import clock
from core.events.models import OutboxEvent
from core.ids import new_id
from tests.factories import default_variant, make_product, make_user

pytestmark = pytest.mark.django_db
NOW = clock.now()
REFERENCE = "order:1"


def make_variant_id(*, stock: int | None = 10, threshold: int = 0) -> uuid.UUID:
    variant_id = default_variant(make_product(stock=stock)).id
    Stock.objects.filter(variant_id=variant_id).update(low_stock_threshold=threshold)
    return variant_id


def figures(variant_id: uuid.UUID) -> tuple[int, int]:
    return Stock.objects.values_list("on_hand", "reserved").get(variant_id=variant_id)


def ledger(variant_id: uuid.UUID) -> list[tuple[str, int, str]]:
    rows = StockMovement.objects.filter(stock__variant_id=variant_id).order_by("id")
    return [tuple(row) for row in rows.values_list("kind", "quantity", "reference")][1:]  # without the first filling


def test_reserving_promises_units_and_leaves_them_on_hand() -> None:
    shirt, mug = make_variant_id(stock=10), make_variant_id(stock=3)
    reserve(reference=REFERENCE, demand={shirt: 4, mug: 3}, now=NOW)
    assert (figures(shirt), figures(mug)) == ((10, 4), (3, 3))
    assert available_units([shirt, mug]) == {shirt: 6, mug: 0}
    assert ledger(shirt) == []


def test_a_shortage_names_every_short_line_and_changes_nothing() -> None:
    plenty, few, unknown = make_variant_id(stock=10), make_variant_id(stock=2), make_variant_id(stock=None)
    with pytest.raises(OutOfStock) as caught:
        reserve(reference=REFERENCE, demand={plenty: 1, few: 3, unknown: 1}, now=NOW)
    assert caught.value.extra["shortages"] == [
        {"variant_id": str(few), "requested": 3, "available": 2},
        {"variant_id": str(unknown), "requested": 1, "available": 0},
    ]
    assert (figures(plenty), figures(few)) == ((10, 0), (2, 0))
    assert not Reservation.objects.exists()


def test_when_the_database_refuses_the_figures_the_answer_is_out_of_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    variant_id = make_variant_id(stock=2)
    monkeypatch.setattr(service, "_refuse_shortages", lambda rows, demand: None)
    with pytest.raises(OutOfStock) as caught:
        reserve(reference=REFERENCE, demand={variant_id: 3}, now=NOW)
    assert caught.value.extra["shortages"] == [{"variant_id": str(variant_id), "requested": 3, "available": 2}]
    assert figures(variant_id) == (2, 0)
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_promise_of_no_units_is_a_bug(quantity: int) -> None:
    with pytest.raises(ValueError):
        reserve(reference=REFERENCE, demand={make_variant_id(): quantity}, now=NOW)


def test_an_empty_demand_promises_nothing() -> None:
    reserve(reference=REFERENCE, demand={}, now=NOW)
    assert not Reservation.objects.exists()


def test_releasing_gives_the_units_back_once() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    reserve(reference="order:2", demand={variant_id: 5}, now=NOW)
    assert release(reference=REFERENCE, now=NOW) == 1
    assert release(reference=REFERENCE, now=NOW) == 0
    assert figures(variant_id) == (10, 5)
    closed = Reservation.objects.get(reference=REFERENCE)
    assert (closed.state, closed.closed_at) == (ReservationState.RELEASED, NOW)


def test_committing_takes_the_units_off_the_shelf_once() -> None:
    shirt, mug = make_variant_id(stock=10), make_variant_id(stock=3)
    actor = make_user()
    reserve(reference=REFERENCE, demand={shirt: 4, mug: 1}, now=NOW)
    assert commit(reference=REFERENCE, actor=actor, now=NOW) == 2
    assert commit(reference=REFERENCE, actor=actor, now=NOW) == 0
    assert (figures(shirt), figures(mug)) == ((6, 0), (2, 0))
    assert ledger(shirt) == [(MovementKind.SHIP, -4, REFERENCE)]
    assert StockMovement.objects.filter(kind=MovementKind.SHIP, actor=actor).count() == 2


def test_what_was_committed_cannot_be_released_and_the_other_way_round() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    commit(reference=REFERENCE, now=NOW)
    assert release(reference=REFERENCE, now=NOW) == 0
    reserve(reference="order:2", demand={variant_id: 1}, now=NOW)
    release(reference="order:2", now=NOW)
    assert commit(reference="order:2", now=NOW) == 0
    assert figures(variant_id) == (6, 0)


def test_restocking_brings_returned_units_back_once() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    commit(reference=REFERENCE, now=NOW)
    assert restock(reference=REFERENCE, demand={variant_id: 4}, reason="returned", now=NOW) == 1
    assert restock(reference=REFERENCE, demand={variant_id: 4}, reason="returned", now=NOW) == 0
    assert figures(variant_id) == (10, 0)
    assert ledger(variant_id) == [(MovementKind.SHIP, -4, REFERENCE), (MovementKind.RESTOCK, 4, REFERENCE)]


def test_figures_that_contradict_a_reservation_are_a_loud_error_and_stay_as_they_are() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    Stock.objects.filter(variant_id=variant_id).update(reserved=3)
    with pytest.raises(StockDrift):
        release(reference=REFERENCE, now=NOW)
    assert figures(variant_id) == (10, 3)
    assert Reservation.objects.get().state == ReservationState.OPEN


def test_stock_ran_low_is_published_once_when_the_threshold_is_crossed() -> None:
    variant_id = make_variant_id(stock=10, threshold=5)
    for number, quantity in enumerate((4, 1, 1)):  # 6 left, 5 left, 4 left
        reserve(reference=f"order:{number}", demand={variant_id: quantity}, now=NOW)
    [event] = OutboxEvent.objects.filter(name=StockRanLow.name)
    assert event.aggregate_id == str(variant_id)
    assert (event.payload["available"], event.payload["threshold"]) == (5, 5)


def test_stock_ran_low_is_published_again_after_it_was_filled_up() -> None:
    variant_id = make_variant_id(stock=10, threshold=5)
    reserve(reference="order:1", demand={variant_id: 6}, now=NOW)
    release(reference="order:1", now=NOW)
    reserve(reference="order:2", demand={variant_id: 7}, now=NOW)
    events = OutboxEvent.objects.filter(name=StockRanLow.name).order_by("id")
    assert [event.payload["available"] for event in events] == [4, 3]


def test_shipping_does_not_change_what_is_available_and_is_no_news() -> None:
    variant_id = make_variant_id(stock=10, threshold=9)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    OutboxEvent.objects.all().delete()
    commit(reference=REFERENCE, now=NOW)
    assert available_units([variant_id]) == {variant_id: 6}
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("lines", [1, 5])
def test_statements_do_not_grow_with_the_lines(lines: int, count_queries: Callable[[], Any]) -> None:
    demand = {make_variant_id(stock=10): number + 1 for number in range(lines)}
    with count_queries() as reserving:
        reserve(reference=REFERENCE, demand=demand, now=NOW)
    with count_queries() as committing:
        commit(reference=REFERENCE, now=NOW)
    assert (len(reserving), len(committing)) == (3, 4)


def test_a_change_that_one_row_cannot_bear_is_refused_by_the_statement_itself() -> None:
    variant_id = make_variant_id(stock=3)
    [row] = lock_stock([variant_id])
    assert not apply_changes([StockChange(row, reserved=4)], now=NOW)
    assert not apply_changes([StockChange(row, on_hand=-4)], now=NOW)
    assert not apply_changes([StockChange(row, reserved=-1)], now=NOW)
    assert apply_changes([StockChange(row, reserved=3)], now=NOW)
    assert figures(variant_id) == (3, 3)


def test_a_variant_without_stock_has_none_available() -> None:
    stranger = new_id()
    assert available_units([stranger]) == {stranger: 0}
    assert available_units([]) == {}


@pytest.fixture
def count_queries() -> Callable[[], Any]:
    """Count statements without the savepoints of the test's own transaction."""

    class Count(CaptureQueriesContext):
        def __len__(self) -> int:
            return len([query for query in self.captured_queries if "SAVEPOINT" not in query["sql"]])

    return lambda: Count(connection)
