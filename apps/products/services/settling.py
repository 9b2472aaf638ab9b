"""Making a product consistent after its parts were written one by one, as the back office does."""

import uuid

from apps.products import texts
from apps.products.changes import announce_product_change
from apps.products.locks import lock_product
from apps.products.models import Product, default_of
from core import transactions


def settle_product(*, product_id: uuid.UUID) -> Product:
    """Let a product repeat its default variant, hold harmless HTML and be found by its words; `version` rises by one.

    Locks the product and its variants. Raises ProductNotFound. Cached answers are stale after the commit.
    """
    with transactions.atomic():
        product, variants = lock_product(product_id)
        default = default_of(variants)
        product.price, product.compare_at_price, product.sku = default.price, default.compare_at_price, default.sku
        product.description = texts.sanitise_html(product.description)
        product.search_text = texts.build_search_text(
            name=product.name,
            description=product.description,
            vendor=product.vendor,
            category_name=product.category.name if product.category else "",
            tags=product.tags.values_list("name", flat=True),
            skus=[variant.sku for variant in variants],
        )
        product.version += 1
        product.save(
            update_fields=[
                "price", "compare_at_price", "sku", "description", "search_text", "version", "updated_at",
            ]
        )  # fmt: skip
        announce_product_change(product_id)
    return product
