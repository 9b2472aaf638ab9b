"""Keeping `Product.search_text` what the product's words say."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import F

from apps.products.changes import announce_product_change
from apps.products.models import Product, ProductVariant
from apps.products.texts import build_search_text
from core import transactions

CHUNK = 500


def refresh_search_text(product_ids: Iterable[uuid.UUID]) -> int:
    """Rebuild the search text of these products and return how many were out of date.

    Needed after a change outside create_product and update_product: a category or tag was renamed, variants came.
    Four statements for every 500 products.
    """
    stale_count = 0
    for chunk in _chunks(list(product_ids)):
        with transactions.atomic():
            stale = _find_stale(chunk)
            Product.objects.bulk_update(stale, ["search_text"])
            Product.objects.filter(pk__in=[product.pk for product in stale]).update(version=F("version") + 1)
            announce_product_change(*(product.pk for product in stale))
        stale_count += len(stale)
    return stale_count


def stale_products() -> Iterator[Product]:
    """Yield every product whose stored search text is not what its words say, with the right text set on it."""
    for chunk in _chunks(list(Product.objects.order_by("pk").values_list("pk", flat=True))):
        yield from _find_stale(chunk)


def _find_stale(product_ids: Sequence[uuid.UUID]) -> list[Product]:
    products = list(Product.objects.filter(pk__in=product_ids).select_related("category").order_by("pk"))
    tags, skus = _tags_of(product_ids), _skus_of(product_ids)
    stale = []
    for product in products:
        text = build_search_text(
            name=product.name,
            description=product.description,
            vendor=product.vendor,
            category_name=product.category.name if product.category else "",
            tags=tags[product.pk],
            skus=[product.sku, *skus[product.pk]],
        )
        if text != product.search_text:
            product.search_text = text
            stale.append(product)
    return stale


def _tags_of(product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    found: dict[uuid.UUID, list[str]] = defaultdict(list)
    rows = Product.tags.through.objects.filter(product_id__in=product_ids).values_list("product_id", "tag__name")
    for product_id, name in rows:
        found[product_id].append(name)
    return found


def _skus_of(product_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str | None]]:
    found: dict[uuid.UUID, list[str | None]] = defaultdict(list)
    rows = ProductVariant.objects.filter(product_id__in=product_ids).order_by().values_list("product_id", "sku")
    for product_id, sku in rows:
        found[product_id].append(sku)
    return found


def _chunks(ids: Sequence[uuid.UUID]) -> Iterator[Sequence[uuid.UUID]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
