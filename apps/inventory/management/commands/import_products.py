"""`manage.py import_products FILE.csv`: read a Shopify product CSV into the shop (docs/import.md)."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import User
from apps.accounts.states import Role
from apps.inventory.services.product_import import ImportOptions, ImportReport, Outcome, import_products
from apps.products.shopify.columns import FileRefused
from apps.products.shopify.rows import RowProblem
from core import clock

PROGRESS_EVERY = 500  # products


class Command(BaseCommand):
    """Bad rows go to stdout as FILE:LINE: reason, progress to stderr. Exit code 1 if any row was bad."""

    help = "Import products, variants and stock from a CSV in Shopify's format. Running it twice changes nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="check and report, but write nothing")
        parser.add_argument("--seller", metavar="EMAIL", help="who offers new products (default: the first admin)")
        parser.add_argument("--only-new", action="store_true", help="leave products that exist as they are")
        parser.add_argument("--fetch-images", action="store_true", help="copy pictures from their addresses")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        progress = _Progress(self, is_dry_run=options["dry_run"])
        try:
            report = import_products(
                path,
                options=ImportOptions(
                    seller=_seller(options["seller"]),
                    only_new=options["only_new"],
                    dry_run=options["dry_run"],
                    fetch_pictures=options["fetch_images"],
                ),
                now=clock.now(),
                on_problem=lambda problem: self.stdout.write(_line(path, problem)),
                on_progress=progress.tell,
            )
        except (FileRefused, OSError) as error:
            raise CommandError(f"{path}: {error}") from error
        progress.summarise(report)
        if report.problems:
            sys.exit(1)


class _Progress:
    """Says how far the import has come, and in the end what it did."""

    def __init__(self, command: BaseCommand, *, is_dry_run: bool) -> None:
        self._command = command
        self._is_dry_run = is_dry_run
        self._started = time.monotonic()

    def tell(self, report: ImportReport) -> None:
        if report.done % PROGRESS_EVERY == 0 and report.done < report.products:
            rate = report.done / max(self._seconds(), 0.001)
            left = (report.products - report.done) / rate
            self._command.stderr.write(
                f"{report.done:,} of {report.products:,} products, {rate:,.0f} a second, {left:,.0f} s to go"
            )

    def summarise(self, report: ImportReport) -> None:
        write = self._command.stdout.write
        if report.ignored_columns:
            self._command.stderr.write(f"Columns not kept: {', '.join(report.ignored_columns)}")
        outcomes = {outcome: count for outcome, count in report.outcomes.items() if count or outcome in _ALWAYS_SHOWN}
        parts = [f"{count:,} {outcome}" for outcome, count in outcomes.items()]
        write(f"{report.products:,} products in {report.rows:,} rows: {', '.join(parts)} ({self._seconds():.1f} s)")
        if report.withdrawn_variants:
            write(f"{report.withdrawn_variants:,} variants the file no longer lists were taken off sale.")
        if report.fetched_pictures:
            write(f"{report.fetched_pictures:,} pictures were copied.")
        if report.problems:
            write(f"{report.problems:,} problems; products with one were left out whole.")
        if self._is_dry_run:
            write("This was a dry run: nothing was written.")

    def _seconds(self) -> float:
        return time.monotonic() - self._started


_ALWAYS_SHOWN = (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED)


def _line(path: Path, problem: RowProblem) -> str:
    return f"{path.name}:{problem.line}: {problem}"


def _seller(email: str | None) -> User:
    """Return the account new products will belong to. Raises CommandError when there is none fit for it."""
    sellers = User.objects.filter(is_active=True, role__in=(Role.ADMIN, Role.SELLER))
    if email:
        found = sellers.filter(email=email.strip().lower()).first()
        if found is None:
            raise CommandError(f"There is no active seller or admin with the address {email}.")
        return found
    admin = sellers.filter(role=Role.ADMIN).order_by("date_joined", "id").first()
    if admin is None:
        raise CommandError("There is no admin account to own the products: name one with --seller EMAIL.")
    return admin
