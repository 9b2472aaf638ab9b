"""Imports a product CSV: catalogue and stock of each product in one transaction, one product after the other."""

import dataclasses
import datetime as dt
import enum
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TextIO, TypeVar

from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from apps.accounts.models import User
from apps.inventory.selectors import available_units
from apps.inventory.services.stock import set_many_available
from apps.inventory.states import MovementKind
from apps.products.services.category_paths import CategoryPaths
from apps.products.services.importing import load_stored, new_product, write_product
from apps.products.services.importing_pictures import Fetch, fetch_from_the_internet, fetch_missing_pictures
from apps.products.services.importing_plan import Plan, PlanRefused, StoredProduct, make_plan
from apps.products.services.importing_skus import SkuBook
from apps.products.shopify.columns import Column
from apps.products.shopify.drafts import ProductDraft
from apps.products.shopify.grouping import Group, group_rows, survey
from apps.products.shopify.parsing import ProductParser
from apps.products.shopify.rows import ProductFile, RowProblem
from core.errors import ShopError

BATCH = 200
REASON = "product import"
T = TypeVar("T")


class Outcome(enum.StrEnum):
    """What became of one product of the file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"  # it exists, and only new products were asked for
    REFUSED = "refused"


@dataclasses.dataclass(slots=True)
class ImportReport:
    """What the import did, or, on a dry run, would do. `withdrawn_variants` are those the file no longer lists."""

    rows: int
    products: int
    ignored_columns: tuple[str, ...]
    outcomes: dict[Outcome, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    withdrawn_variants: int = 0
    fetched_pictures: int = 0
    problems: int = 0

    @property
    def done(self) -> int:
        return sum(self.outcomes.values())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How to import. `seller` owns new products; unless they are an admin, products of others are refused.

    `only_new` leaves products that exist untouched. `fetch_pictures` copies pictures from their addresses.
    """

    seller: User
    only_new: bool = False
    dry_run: bool = False
    fetch_pictures: bool = False
    fetch_picture: Fetch = fetch_from_the_internet


def import_products(
    path: Path,
    *,
    options: ImportOptions,
    now: dt.datetime,
    on_problem: Callable[[RowProblem], None],
    on_progress: Callable[[ImportReport], None] = lambda report: None,
) -> ImportReport:
    """Make the catalogue and the stock say what the file says, and return what was done.

    Every product is written whole or not at all, in a transaction of its own; one that already says so is not touched.
    `on_problem` hears of every bad row, `on_progress` is called after each product. Quantities are what is available
    for sale; a blank one leaves the stock alone. Raises FileRefused when the file has no usable header, OSError when
    it cannot be opened.
    """
    with _open(path) as lines:
        overview = survey(ProductFile(lines))
    with _open(path) as lines:
        file = ProductFile(lines)
        report = ImportReport(rows=overview.rows, products=overview.products, ignored_columns=file.header.ignored)
        run = _Run(
            parser=ProductParser(header=file.header, currency=settings.STORE_CURRENCY),
            report=report,
            options=options,
            now=now,
            on_problem=on_problem,
            reference=path.name[:100],
        )
        for batch in _batches(group_rows(file, scattered=overview.scattered), BATCH):
            for _ in run.take(batch):
                on_progress(report)
    return report


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting = iter(items)
    while batch := list(islice(waiting, size)):
        yield batch


@dataclasses.dataclass(slots=True, kw_only=True)
class _Run:
    """One import under way."""

    parser: ProductParser
    report: ImportReport
    options: ImportOptions
    now: dt.datetime
    on_problem: Callable[[RowProblem], None]
    reference: str
    categories: CategoryPaths = dataclasses.field(default_factory=CategoryPaths)
    skus: SkuBook = dataclasses.field(default_factory=SkuBook)

    def take(self, batch: list[Group]) -> Iterator[None]:
        """Import the products of a batch. What is stored of them is read for all at once: six statements."""
        parsed = [self.parser.parse(group) for group in batch]
        drafts = [draft for draft in parsed if isinstance(draft, ProductDraft)]
        stored = load_stored(draft.handle for draft in drafts)
        units = available_units(variant.pk for entry in stored.values() for variant in entry.variants)
        self.skus.open_batch(drafts)
        for draft in parsed:
            if isinstance(draft, ProductDraft):
                outcome = self._import(draft, stored.get(draft.handle), units)
            else:
                outcome = self._refuse(*draft)
            self.report.outcomes[outcome] += 1
            yield

    def _import(self, draft: ProductDraft, stored: StoredProduct | None, units: Mapping[uuid.UUID, int]) -> Outcome:
        if stored and self.options.only_new:
            return Outcome.KEPT
        problems = [*self._foreign(draft, stored), *self.skus.clashes(draft)]
        if problems:
            return self._refuse(*problems)
        try:
            outcome, plan = self._write(draft, stored, units)
        except PlanRefused as error:
            return self._refuse(*error.problems)
        except ShopError as error:
            return self._refuse_unwritten(draft, error.detail)
        except DataError:
            return self._refuse_unwritten(draft, "a text is longer than the database takes")
        except IntegrityError:
            return self._refuse_unwritten(draft, "somebody else took its handle or a SKU at the same moment; try again")
        self.skus.note(draft.handle, (entry.value("sku") for entry in plan.variants))
        self.report.withdrawn_variants += plan.withdrawn
        if self.options.fetch_pictures and not self.options.dry_run:
            self._fetch_pictures(draft, plan.stored.product.pk)
        return outcome

    def _write(
        self, draft: ProductDraft, stored: StoredProduct | None, units: Mapping[uuid.UUID, int]
    ) -> tuple[Outcome, Plan]:
        """Write what differs from what was read for the batch; nothing, if nothing does."""
        present = stored or new_product(handle=draft.handle, seller=self.options.seller)
        plan = make_plan(draft, present, category_id=self.categories.find(draft.category_path or ()), now=self.now)
        has_stock = all(units.get(variant, 0) == quantity for variant, quantity in plan.quantities().items())
        if stored and plan.is_empty and has_stock:
            return Outcome.UNCHANGED, plan
        outcome = Outcome.UPDATED if stored else Outcome.CREATED
        if self.options.dry_run:
            return outcome, plan
        # Not core.transactions.atomic(): a product that fails must not take the ones before it along.
        with transaction.atomic():
            plan = write_product(draft, stored=present, categories=self.categories, now=self.now)
            set_many_available(
                plan.quantities(), kind=MovementKind.IMPORT, reason=REASON, reference=self.reference, now=self.now
            )
        return outcome, plan

    def _foreign(self, draft: ProductDraft, stored: StoredProduct | None) -> list[RowProblem]:
        """Return why this file may not change this product."""
        if stored is None:
            return []
        reasons = []
        if not self.options.seller.is_admin and stored.product.seller_id != self.options.seller.pk:
            reasons.append("belongs to another seller")
        if stored.product.currency != settings.STORE_CURRENCY:
            reasons.append(f"is priced in {stored.product.currency}, this file in {settings.STORE_CURRENCY}")
        return [RowProblem(draft.line, draft.handle, Column.HANDLE, reason) for reason in reasons]

    def _fetch_pictures(self, draft: ProductDraft, product_id: uuid.UUID) -> None:
        lines = {image.src: image.line for image in draft.images or ()}
        fetched = fetch_missing_pictures(product_id=product_id, now=self.now, fetch_picture=self.options.fetch_picture)
        for result in fetched:
            if result.failure:
                line = lines.get(result.source_url, draft.line)
                self._tell(RowProblem(line, draft.handle, Column.IMAGE_SRC, result.failure))
            else:
                self.report.fetched_pictures += 1

    def _refuse_unwritten(self, draft: ProductDraft, reason: str) -> Outcome:
        self.categories.reload()
        return self._refuse(RowProblem(draft.line, draft.handle, "", f"could not be written: {reason}"))

    def _refuse(self, *problems: RowProblem) -> Outcome:
        for problem in problems:
            self._tell(problem)
        return Outcome.REFUSED

    def _tell(self, problem: RowProblem) -> None:
        self.report.problems += 1
        self.on_problem(problem)
