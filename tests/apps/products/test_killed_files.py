"""kill -9 of `import_products` and `export_products`: products and files are whole or absent, and a repeat mends."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.inventory.models import StockMovement
from apps.inventory.services import product_export, product_import
from apps.products.models import Product, ProductVariant
from apps.products.services import exporting, importing
from core.invariants import check_invariants
from tests import crashing
from tests.apps.products.csv_kit import first, more, write_file
from tests.apps.products.test_export_products import export, rows_of
from tests.conftest import on_postgresql
from tests.crashing import Point, after, after_commit, before, before_commit, crash, perform
from tests.factories import make_admin

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PRODUCTS, BATCH = 8, 3
Trap = Callable[[int], Callable[[], None]]  # for the so-manieth product
# How many of the products that were begun are there afterwards, and where the process dies.
IMPORT_POINTS: dict[str, tuple[int, Trap]] = {
    "in the middle of a product": (-1, lambda call: after(importing, "_save_product", call=call)),
    "before a product's COMMIT": (-1, lambda call: before_commit(product_import, "set_many_available", call=call)),
    "after a product's COMMIT": (0, lambda call: after_commit(product_import, "set_many_available", call=call)),
    "mid-batch": (0, lambda call: after(product_import._Run, "_write", call=call)),
}
EXPORT_POINTS = {
    "mid-batch": after(product_export, "draft_cells", call=BATCH + 2),
    "between two batches": after(product_export, "available_units", call=2),
    "before the file has its name": before(os, "replace"),
}
ONCE_PER_PRODUCT = range(1, PRODUCTS + 1)


@pytest.fixture(scope="module", autouse=True)
def _database(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("files")
    with django_db_blocker.unblock(), crashing.database_of_several_processes(folder):
        yield


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_import, "BATCH", BATCH)
    monkeypatch.setattr(exporting, "BATCH", BATCH)


def write_products(folder: Path, brand: str, *, price: str, quantity: int) -> Path:
    """Write a file of a brand's products, with two variants each, tags, a picture and stock."""
    rows = []
    for number in range(PRODUCTS):
        handle, picture = f"{brand}-{number}", f"https://example.com/{number}.jpg"
        rows += [
            first(
                Handle=handle, Title=f"{brand} {number} at {price}", Type="Clothing", Tags=f"men, tag-{number}-{price}",
                Option1_Name="Size", Option1_Value="S", Variant_SKU=f"{brand}-S-{number}", Variant_Price=price,
                Variant_Inventory_Qty=str(quantity), Image_Src=picture, Image_Alt_Text=f"Front at {price}",
            ),
            more(
                handle, Option1_Value="M", Variant_SKU=f"{brand}-M-{number}", Variant_Price=price,
                Variant_Inventory_Qty=str(quantity + 1), Variant_Requires_Shipping="true", Variant_Taxable="true",
            ),
        ]  # fmt: skip
    return write_file(folder / f"{brand}-at-{price}.csv", rows)


def exported(brand: str) -> list[dict[str, str]]:
    """Return the rows the shop exports of a brand, without its name."""
    rows = [row for row in rows_of(export()) if row["Handle"].startswith(f"{brand}-")]
    return [{column: cell.replace(brand, "brand") for column, cell in row.items()} for row in rows]


def run_import(path: Path) -> str:
    """Do what the command does and return what it says in the end. For use in a process of its own."""
    out = io.StringIO()
    call_command("import_products", str(path), stdout=out, stderr=io.StringIO())
    return out.getvalue().split(" (")[0]


def run_export(path: Path) -> None:
    """Do what the command does. For use in a process of its own."""
    call_command("export_products", str(path), stdout=io.StringIO(), stderr=io.StringIO())


def said(*, created: int = 0, updated: int = 0, unchanged: int = 0) -> str:
    counts = f"{created} created, {updated} updated, {unchanged} unchanged"
    return f"{PRODUCTS} products in {2 * PRODUCTS} rows: {counts}"


def traces() -> list[object]:
    """Return what would differ if anything was written again: versions, times of change and the ledger."""
    return [
        *Product.objects.order_by("id").values_list("id", "version", "updated_at"),
        *ProductVariant.objects.order_by("id").values_list("id", "updated_at"),
        *StockMovement.objects.order_by("id").values_list("id"),
    ]


def violations() -> list[str]:
    return [line for finding in check_invariants() for line in finding.violations]


@pytest.mark.parametrize("name", IMPORT_POINTS)
def test_an_import_killed_at_any_product_leaves_whole_products_and_is_completed_by_a_repeat(
    tmp_path: Path, name: str
) -> None:
    make_admin()
    missing, trap = IMPORT_POINTS[name]
    old, new = (exported_undisturbed(path) for path in files_of(tmp_path, "calm"))
    for call in ONCE_PER_PRODUCT if on_postgresql() else (1, BATCH + 1, PRODUCTS):
        whole, brand = call + missing, f"killed{call}"
        plain, dearer = files_of(tmp_path, brand)
        point = Point(f"{name} {call}", trap(call))

        crash(partial(run_import, plain), point)
        assert exported(brand) == old[: 2 * whole], call
        assert perform(partial(run_import, plain)) == said(created=PRODUCTS - whole, unchanged=whole), call
        assert exported(brand) == old, call

        crash(partial(run_import, dearer), point)
        assert exported(brand) == new[: 2 * whole] + old[2 * whole :], call
        assert perform(partial(run_import, dearer)) == said(updated=PRODUCTS - whole, unchanged=whole), call
        assert exported(brand) == new, call

        done = traces()
        assert perform(partial(run_import, dearer)) == said(unchanged=PRODUCTS), call
        assert traces() == done, call
    assert violations() == []


def files_of(folder: Path, brand: str) -> tuple[Path, Path]:
    """Return a file of new products, and one that changes each of them."""
    return (
        write_products(folder, brand, price="10.00", quantity=5),
        write_products(folder, brand, price="12.50", quantity=3),
    )


def exported_undisturbed(path: Path) -> list[dict[str, str]]:
    """Return what the shop exports after an import that nobody kills."""
    assert perform(partial(run_import, path)).startswith(f"{PRODUCTS} products")
    return exported("calm")


@pytest.mark.parametrize("name", EXPORT_POINTS)
def test_an_export_that_is_killed_leaves_no_file_that_looks_complete(tmp_path: Path, name: str) -> None:
    make_admin()
    perform(partial(run_import, write_products(tmp_path, "shirt", price="10.00", quantity=5)))
    target, unfinished = tmp_path / "catalogue.csv", tmp_path / "catalogue.csv.part"
    point = Point(name, EXPORT_POINTS[name])

    crash(partial(run_export, target), point)
    assert (target.exists(), unfinished.exists()) == (False, True)

    perform(partial(run_export, target))
    complete = export()
    assert (target.read_bytes(), unfinished.exists()) == (complete, False)

    perform(partial(run_import, write_products(tmp_path, "shirt", price="12.50", quantity=3)))
    crash(partial(run_export, target), point)
    assert target.read_bytes() == complete  # the file of the day before is not touched

    perform(partial(run_export, target))
    assert (target.read_bytes(), unfinished.exists()) == (export(), False)
    assert target.read_bytes() != complete
    assert violations() == []


# Controls: with the guard taken away, what is asserted above fails


def test_control_without_its_transaction_half_a_product_is_left(tmp_path: Path) -> None:
    make_admin()
    path = write_products(tmp_path, "shirt", price="10.00", quantity=5)

    def unguarded() -> None:
        product_import.transaction = _NoTransactions  # type: ignore[assignment]
        importing.atomic = contextlib.nullcontext  # type: ignore[assignment]
        after(importing, "_save_product")()

    crash(partial(run_import, path), Point("in the middle of a product", unguarded))

    assert (Product.objects.count(), ProductVariant.objects.count()) == (1, 0)


class _NoTransactions:
    """What the import would do if it opened none."""

    atomic = staticmethod(contextlib.nullcontext)


def test_control_an_export_that_writes_to_its_name_at_once_leaves_half_a_file(tmp_path: Path) -> None:
    make_admin()
    perform(partial(run_import, write_products(tmp_path, "shirt", price="10.00", quantity=5)))
    target = tmp_path / "catalogue.csv"

    def to_the_name() -> None:
        with target.open("w", encoding="utf-8", newline="") as out:
            product_export.export_products(out, on_loss=print)

    crash(to_the_name, Point("between two batches", EXPORT_POINTS["between two batches"]))

    assert target.exists()
    assert target.read_bytes() != export()
