"""`manage.py export_products [FILE.csv]`: write the catalogue as a Shopify product CSV (docs/import.md)."""

import argparse
import contextlib
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import User
from apps.inventory.services.product_export import export_products


class Command(BaseCommand):
    """The file appears only when it is complete. Without a name the rows go to stdout."""

    help = "Export products, variants and stock as a CSV in Shopify's format."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE.csv")
        parser.add_argument("--seller", metavar="EMAIL", help="only this seller's products")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        seller = _seller(options["seller"])
        with self._output(path) as out:
            count = export_products(
                out,
                seller=seller,
                on_loss=lambda text: self.stderr.write(f"Not in the file: {text}"),
                on_progress=lambda done: self.stderr.write(f"{done:,} products") if path else None,
            )
        if path:
            self.stdout.write(f"{count:,} products written to {path}")

    @contextlib.contextmanager
    def _output(self, path: Path | None) -> Iterator[TextIO]:
        if path is None:
            yield typing.cast(TextIO, self.stdout)
            return
        unfinished = path.with_name(f"{path.name}.part")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as out:
                yield out
            os.replace(unfinished, path)
        except OSError as error:
            raise CommandError(f"{path}: {error}") from error
        finally:
            unfinished.unlink(missing_ok=True)


def _seller(email: str | None) -> User | None:
    if not email:
        return None
    found = User.objects.filter(email=email.strip().lower()).first()
    if found is None:
        raise CommandError(f"There is no account with the address {email}.")
    return found
