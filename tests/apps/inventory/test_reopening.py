"""Promises given back in part, and promises taken up again: all or nothing."""

import uuid

import pytest

from apps.inventory.events import StockRanLow
from apps.inventory.invariants import on_hand_equals_ledger, reserved_equals_open_reservations
from apps.inventory.models import Reservation, Stock
from apps.inventory.services.reservations import (
    StockDrift,
    commit,
    release,
    release_part,
    reopen,
    reserve,
    restock,
)
from apps.inventory.states import ReservationState
from core.events.models import OutboxEvent
from tests.apps.inventory.test_reservations import NOW, REFERENCE, figures, ledger, make_variant_id

pytestmark = pytest.mark.django_db
OPEN, RELEASED, COMMITTED = ReservationState.OPEN, ReservationState.RELEASED, ReservationState.COMMITTED


def held(variant_id: uuid.UUID, reference: str = REFERENCE) -> tuple[str, int]:
    """Return state and units of the reference's reservation."""
    return Reservation.objects.values_list("state", "quantity").get(reference=reference, stock__variant_id=variant_id)


def ledgers_agree() -> bool:
    return [*reserved_equals_open_reservations(), *on_hand_equals_ledger()] == []


def test_a_part_is_free_again_and_the_rest_stays_promised() -> None:
    shirt, mug = make_variant_id(stock=10), make_variant_id(stock=3)
    reserve(reference=REFERENCE, demand={shirt: 4, mug: 3}, now=NOW)

    release_part(reference=REFERENCE, demand={shirt: 1}, now=NOW)

    assert (held(shirt), held(mug)) == ((OPEN, 3), (OPEN, 3))
    assert (figures(shirt), figures(mug)) == ((10, 3), (3, 3))
    assert ledgers_agree()


def test_a_promise_given_back_in_parts_ends_released_and_the_others_of_its_order_stay() -> None:
    shirt, mug = make_variant_id(stock=10), make_variant_id(stock=3)
    reserve(reference=REFERENCE, demand={shirt: 4, mug: 3}, now=NOW)

    for units in (1, 3):
        release_part(reference=REFERENCE, demand={shirt: units}, now=NOW)

    assert (held(shirt)[0], held(mug)) == (RELEASED, (OPEN, 3))
    assert (figures(shirt), figures(mug)) == ((10, 0), (3, 3))
    assert Reservation.objects.get(state=RELEASED).closed_at == NOW
    assert ledgers_agree()


def test_what_is_left_after_a_part_is_shipped_or_released() -> None:
    shipped, dropped = make_variant_id(stock=10), make_variant_id(stock=10)
    reserve(reference="order:1", demand={shipped: 4}, now=NOW)
    reserve(reference="order:2", demand={dropped: 4}, now=NOW)
    release_part(reference="order:1", demand={shipped: 1}, now=NOW)
    release_part(reference="order:2", demand={dropped: 1}, now=NOW)

    assert (commit(reference="order:1", now=NOW), release(reference="order:2", now=NOW)) == (1, 1)

    assert (figures(shipped), figures(dropped)) == ((7, 0), (10, 0))
    assert ledger(shipped) == [("ship", -3, "order:1")]


def test_a_promise_of_which_nothing_is_left_ships_nothing() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    release_part(reference=REFERENCE, demand={variant_id: 4}, now=NOW)

    assert (commit(reference=REFERENCE, now=NOW), release(reference=REFERENCE, now=NOW)) == (0, 0)

    assert (figures(variant_id), ledger(variant_id)) == ((10, 0), [])


@pytest.mark.parametrize("end", [None, commit, release])
def test_more_than_is_held_is_a_loud_error_and_changes_nothing(end: object) -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    if callable(end):
        end(reference=REFERENCE, now=NOW)
    before = (figures(variant_id), held(variant_id))

    with pytest.raises(StockDrift):
        release_part(reference=REFERENCE, demand={variant_id: 5}, now=NOW)

    assert (figures(variant_id), held(variant_id)) == before


def test_a_variant_that_is_not_held_is_a_loud_error() -> None:
    shirt, mug = make_variant_id(stock=10), make_variant_id(stock=3)
    reserve(reference=REFERENCE, demand={shirt: 4}, now=NOW)

    with pytest.raises(StockDrift):
        release_part(reference=REFERENCE, demand={shirt: 1, mug: 1}, now=NOW)

    assert (figures(shirt), figures(mug)) == ((10, 4), (3, 0))


@pytest.mark.parametrize("units", [0, -1])
def test_a_part_of_no_units_is_a_bug(units: int) -> None:
    variant_id = make_variant_id()
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)

    with pytest.raises(ValueError):
        release_part(reference=REFERENCE, demand={variant_id: units}, now=NOW)

    assert figures(variant_id) == (10, 4)


def test_restocking_nothing_does_nothing() -> None:
    assert restock(reference=REFERENCE, demand={}, reason="returned", now=NOW) == 0


def test_released_promise_is_taken_up_again_once() -> None:
    shirt, mug = make_variant_id(stock=4), make_variant_id(stock=3)
    reserve(reference=REFERENCE, demand={shirt: 4, mug: 1}, now=NOW)
    release(reference=REFERENCE, now=NOW)

    assert reopen(reference=REFERENCE, now=NOW)
    assert not reopen(reference=REFERENCE, now=NOW)

    assert (held(shirt), held(mug)) == ((OPEN, 4), (OPEN, 1))
    assert (figures(shirt), figures(mug)) == ((4, 4), (3, 1))
    assert set(Reservation.objects.values_list("closed_at", flat=True)) == {None}
    assert ledgers_agree()


def test_promise_of_which_one_unit_was_sold_meanwhile_stays_released() -> None:
    shirt, mug = make_variant_id(stock=4), make_variant_id(stock=3)
    reserve(reference=REFERENCE, demand={shirt: 4, mug: 1}, now=NOW)
    release(reference=REFERENCE, now=NOW)
    reserve(reference="order:2", demand={shirt: 1}, now=NOW)

    assert not reopen(reference=REFERENCE, now=NOW)

    assert (held(shirt), held(mug)) == ((RELEASED, 4), (RELEASED, 1))
    assert (figures(shirt), figures(mug)) == ((4, 1), (3, 0))


def test_a_promise_that_was_never_given_is_still_held_or_has_shipped_is_not_taken_up() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference="order:held", demand={variant_id: 1}, now=NOW)
    reserve(reference="order:shipped", demand={variant_id: 1}, now=NOW)
    commit(reference="order:shipped", now=NOW)

    for reference in ("order:unknown", "order:held", "order:shipped"):
        assert not reopen(reference=reference, now=NOW)

    assert figures(variant_id) == (9, 1)


def test_promise_taken_up_again_is_shipped_like_any_other() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    release(reference=REFERENCE, now=NOW)
    reopen(reference=REFERENCE, now=NOW)

    assert commit(reference=REFERENCE, now=NOW) == 1

    assert (figures(variant_id), held(variant_id)) == ((6, 0), (COMMITTED, 4))


def test_taking_a_promise_up_again_may_run_the_stock_low() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 6}, now=NOW)
    release(reference=REFERENCE, now=NOW)
    Stock.objects.filter(variant_id=variant_id).update(low_stock_threshold=5)

    reopen(reference=REFERENCE, now=NOW)

    [event] = OutboxEvent.objects.filter(name=StockRanLow.name)
    assert event.payload["available"] == 4


def test_figures_that_contradict_the_part_are_a_loud_error_and_stay_as_they_are() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference=REFERENCE, demand={variant_id: 4}, now=NOW)
    Stock.objects.filter(variant_id=variant_id).update(reserved=1)

    with pytest.raises(StockDrift):
        release_part(reference=REFERENCE, demand={variant_id: 2}, now=NOW)

    assert (figures(variant_id), held(variant_id)) == ((10, 1), (OPEN, 4))
