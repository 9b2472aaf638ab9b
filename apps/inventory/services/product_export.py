"""Writes the catalogue with its stock into a product CSV that `import_products` reads back."""

import csv
from collections.abc import Callable
from typing import TextIO

from django.conf import settings

from apps.accounts.models import User
from apps.inventory.selectors import available_units
from apps.products.services.category_paths import CategoryPaths
from apps.products.services.exporting import draft_of, read_catalogue
from apps.products.shopify.writing import draft_cells, header_cells


def export_products(
    out: TextIO,
    *,
    seller: User | None = None,
    on_loss: Callable[[str], None],
    on_progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Write all products (or a seller's) and return how many. `out` keeps line ends as they are (`newline=""`).

    `on_loss` hears of everything a file cannot say, `on_progress` is called after each batch. Quantities are what is
    available for sale. Products changed while this runs are written as they are when their batch is read.
    """
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header_cells())
    categories, count = CategoryPaths(), 0
    for batch in read_catalogue(seller=seller):
        units = available_units(variant.pk for stored in batch for variant in stored.variants)
        for stored in batch:
            draft, losses = draft_of(stored, categories=categories, units=units)
            for loss in losses:
                on_loss(f"{stored.product.slug}: {loss}")
            if draft is not None:
                writer.writerows(draft_cells(draft, currency=settings.STORE_CURRENCY))
                count += 1
        on_progress(count)
    return count
