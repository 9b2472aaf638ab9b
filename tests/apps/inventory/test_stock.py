"""Filling and correcting the shelf: every change in the ledger, nothing taken from open orders."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError

from apps.inventory.errors import StockIsReserved
from apps.inventory.events import StockRanLow
from apps.inventory.models import Stock, StockLocation, StockMovement
from apps.inventory.selectors import available_units
from apps.inventory.services.reservations import reserve
from apps.inventory.services.stock import MAX_UNITS, adjust_stock, set_available, set_many_available
from apps.inventory.states import MovementKind
from apps.products.changes import CATALOGUE_SLOT, product_slot
from core import clock
from core.changes import counters
from core.errors import InvalidInput
from core.events.models import OutboxEvent
from tests.factories import default_variant, make_product, make_user

pytestmark = pytest.mark.django_db
NOW = clock.now()


def make_variant_id(*, stock: int | None = 10) -> uuid.UUID:
    return default_variant(make_product(stock=stock)).id


def ledger(variant_id: uuid.UUID) -> list[tuple[str, int, str]]:
    rows = StockMovement.objects.filter(stock__variant_id=variant_id).order_by("id")
    return [tuple(row) for row in rows.values_list("kind", "quantity", "reason")]


def test_setting_stock_makes_the_row_and_notes_why(settings: object) -> None:
    settings.LOW_STOCK_THRESHOLD = 7  # type: ignore[attr-defined]
    variant_id, actor = make_variant_id(stock=None), make_user()
    stock = set_available(variant_id=variant_id, quantity=12, reason="counted", actor=actor, now=NOW)
    assert (stock.on_hand, stock.reserved, stock.low_stock_threshold) == (12, 0, 7)
    assert ledger(variant_id) == [(MovementKind.ADJUST, 12, "counted")]
    assert StockMovement.objects.get().actor == actor
    assert StockLocation.objects.get().is_default


def test_setting_what_is_available_leaves_promised_units_on_top() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference="order:1", demand={variant_id: 4}, now=NOW)
    stock = set_available(variant_id=variant_id, quantity=2, reason="counted", now=NOW)
    assert (stock.on_hand, stock.reserved, stock.available) == (6, 4, 2)
    assert ledger(variant_id)[1:] == [(MovementKind.ADJUST, -4, "counted")]


def test_setting_the_same_figure_again_writes_nothing() -> None:
    variant_id = make_variant_id(stock=10)
    before = Stock.objects.get(variant_id=variant_id).updated_at
    stock = set_available(variant_id=variant_id, quantity=10, reason="counted", now=NOW)
    assert stock.updated_at == before
    assert len(ledger(variant_id)) == 1


@pytest.mark.parametrize("quantity", [-1, MAX_UNITS + 1])
def test_an_impossible_figure_is_refused_and_nothing_changes(quantity: int) -> None:
    variant_id, other = make_variant_id(stock=10), make_variant_id(stock=None)
    with pytest.raises(InvalidInput):
        set_many_available({variant_id: quantity, other: 3}, reason="import", now=NOW)
    assert available_units([variant_id, other]) == {variant_id: 10, other: 0}
    assert len(ledger(variant_id)) == 1


def test_many_are_set_at_once_and_the_changed_ones_counted() -> None:
    same, more, fresh = make_variant_id(stock=10), make_variant_id(stock=1), make_variant_id(stock=None)
    changed = set_many_available({same: 10, more: 5, fresh: 3}, kind=MovementKind.IMPORT, reason="import", now=NOW)
    assert changed == 2
    assert available_units([same, more, fresh]) == {same: 10, more: 5, fresh: 3}
    assert ledger(more)[1:] == [(MovementKind.IMPORT, 4, "import")]


def test_adjusting_adds_and_takes_away() -> None:
    variant_id = make_variant_id(stock=10)
    adjust_stock(variant_id=variant_id, delta=5, kind=MovementKind.RECEIVE, reason="delivery", now=NOW)
    stock = adjust_stock(variant_id=variant_id, delta=-3, reason="broken", now=NOW)
    assert stock.available == 12
    assert ledger(variant_id)[1:] == [(MovementKind.RECEIVE, 5, "delivery"), (MovementKind.ADJUST, -3, "broken")]


def test_units_promised_to_orders_cannot_be_taken_away() -> None:
    variant_id = make_variant_id(stock=10)
    reserve(reference="order:1", demand={variant_id: 8}, now=NOW)
    with pytest.raises(StockIsReserved) as caught:
        adjust_stock(variant_id=variant_id, delta=-3, reason="broken", now=NOW)
    assert caught.value.extra == {"available": 2}
    assert available_units([variant_id]) == {variant_id: 2}
    assert len(ledger(variant_id)) == 1


def test_taking_stock_below_its_threshold_by_hand_is_news() -> None:
    variant_id = make_variant_id(stock=10)
    Stock.objects.update(low_stock_threshold=5)
    set_available(variant_id=variant_id, quantity=5, reason="counted", now=NOW)
    set_available(variant_id=variant_id, quantity=4, reason="counted", now=NOW)
    [event] = OutboxEvent.objects.filter(name=StockRanLow.name)
    assert event.payload["available"] == 5


def test_cached_answers_of_the_product_become_stale_and_lists_when_it_sells_out(
    django_capture_on_commit_callbacks: object,
) -> None:
    product = make_product(stock=2)
    variant_id, slots = default_variant(product).id, [product_slot(product.id), CATALOGUE_SLOT]

    def bumps_of(reference: str) -> list[bool]:
        before = counters().read(slots)
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            reserve(reference=reference, demand={variant_id: 1}, now=NOW)
        return [now != then for now, then in zip(counters().read(slots), before, strict=True)]

    assert bumps_of("order:1") == [True, False]
    assert bumps_of("order:2") == [True, True]


def test_the_database_refuses_to_rewrite_the_ledger() -> None:
    variant_id = make_variant_id(stock=10)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        StockMovement.objects.filter(stock__variant_id=variant_id).update(quantity=11)
    assert ledger(variant_id) == [(MovementKind.ADJUST, 10, "test")]


def test_deleting_an_account_forgets_who_moved_the_stock_and_nothing_else() -> None:
    actor = make_user()
    variant_id = make_variant_id(stock=None)
    set_available(variant_id=variant_id, quantity=3, reason="counted", actor=actor, now=NOW)
    actor.delete()
    movement = StockMovement.objects.get()
    assert (movement.actor, movement.quantity) == (None, 3)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        StockMovement.objects.update(actor=make_user())


def test_a_product_that_was_never_sold_takes_its_ledger_along() -> None:
    product = make_product(stock=10)
    product.delete()
    connection.check_constraints()
    assert not StockMovement.objects.exists()


def test_a_product_with_reservations_stays() -> None:
    product = make_product(stock=10)
    reserve(reference="order:1", demand={default_variant(product).id: 1}, now=NOW)
    with pytest.raises(ProtectedError):
        product.delete()


@pytest.mark.postgres
def test_the_database_refuses_to_delete_from_the_ledger_of_a_stock_row_that_stays() -> None:
    make_variant_id(stock=10)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        StockMovement.objects.all().delete()
        connection.check_constraints()
    assert StockMovement.objects.count() == 1
