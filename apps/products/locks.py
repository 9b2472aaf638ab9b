"""Row locks of the catalogue. A product's row is locked before its variants are read or written."""

import uuid

from apps.products.errors import ProductNotFound
from apps.products.models import Category, Product, ProductVariant


def lock_product(product_id: uuid.UUID) -> tuple[Product, list[ProductVariant]]:
    """Lock a product and its variants and return them, with the product's category. One statement.

    The product's row first, then the variants by position. All of them are locked, because rows read in one statement
    with a lock that has to wait would be from before the wait, unless they are locked as well. The locks let foreign
    keys point at the rows meanwhile, so that no order waits for an edit.
    Raises ProductNotFound. Must run inside a transaction.
    """
    variants = list(
        ProductVariant.objects.select_related("product__category")
        .select_for_update(of=("product", "self"), no_key=True)
        .filter(product_id=product_id)
        .order_by("position", "id")
    )
    if not variants:
        raise ProductNotFound
    product = variants[0].product
    for variant in variants:
        variant.product = product
    return product, variants


def lock_category_tree() -> dict[uuid.UUID, uuid.UUID | None]:
    """Lock every category, in key order, and return each one's parent. One statement; categories are few.

    Whoever changes the tree takes this lock first: only then is "no category stands below itself" safe to check.
    """
    return dict(Category.objects.select_for_update(no_key=True).order_by("pk").values_list("pk", "parent_id"))
