"""Reads the catalogue back as drafts, which a file can be written from."""

import uuid
from collections.abc import Iterator, Mapping

from apps.accounts.models import User
from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.services.category_paths import CategoryPaths
from apps.products.services.importing import read_stored
from apps.products.services.importing_images import address_of
from apps.products.services.importing_plan import StoredProduct
from apps.products.shopify.drafts import ImageDraft, ProductDraft, VariantDraft
from apps.products.shopify.writing import MAX_OPTIONS

BATCH = 200


def read_catalogue(*, seller: User | None = None) -> Iterator[list[StoredProduct]]:
    """Yield all products (or a seller's) in the order they were made, a batch at a time: four statements each."""
    products = Product.objects.order_by("id")
    if seller is not None:
        products = products.filter(seller=seller)
    last: uuid.UUID | None = None
    while batch := list((products.filter(id__gt=last) if last else products)[:BATCH]):
        yield list(read_stored(batch).values())
        last = batch[-1].pk


def draft_of(
    stored: StoredProduct, *, categories: CategoryPaths, units: Mapping[uuid.UUID, int]
) -> tuple[ProductDraft | None, list[str]]:
    """Return the product as a draft, and what of it a file cannot say. No draft: nothing of it can be said.

    `units` are what is available for sale, by variant id.
    """
    product = stored.product
    variants, lost = _expressible_variants(stored)
    if not variants:
        return None, lost or ["has no variant"]
    if len(product.option_names) > MAX_OPTIONS:
        return None, [f"has more than {MAX_OPTIONS} options"]
    pictures = {image.variant_id: address_of(image) for image in reversed(stored.images) if image.variant_id}
    draft = ProductDraft(
        line=0,
        handle=product.slug,
        fields=_product_fields(product),
        is_archived=product.archived_at is not None,
        category_path=categories.path_of(product.category_id),
        tags=tuple(sorted(stored.tags.values())),
        option_names=tuple(product.option_names),
        variants=tuple(_variant(v, units[v.pk], pictures.get(v.pk, "")) for v in variants),
        images=tuple(map(_image, stored.images)),
        has_variant_images=True,
    )
    return draft, lost


def _expressible_variants(stored: StoredProduct) -> tuple[list[ProductVariant], list[str]]:
    """Leave out variants that do not have the product's options, or the same as another one: rows could not say it."""
    count = len(stored.product.option_names)
    found: dict[tuple[str, ...], ProductVariant] = {}
    lost = []
    for variant in stored.variants:
        values = tuple(map(str, variant.option_values))
        if len(values) != count or values in found:
            if variant.is_active:
                lost.append(f"variant {variant} has not the product's options, or another one's")
            continue
        found[values] = variant
    return list(found.values()), lost


def _product_fields(product: Product) -> dict[str, object]:
    names = ("name", "description", "vendor", "seo_title", "seo_description", "is_active", "is_featured")
    return {name: getattr(product, name) for name in names}


def _variant(variant: ProductVariant, quantity: int, picture: str) -> VariantDraft:
    names = (
        "sku", "weight_grams", "price", "compare_at_price", "cost_price", "requires_shipping", "is_taxable", "barcode",
        "tax_category", "is_active",
    )  # fmt: skip
    return VariantDraft(
        line=0,
        option_values=tuple(map(str, variant.option_values)),
        fields={name: getattr(variant, name) for name in names},
        quantity=quantity,
        image_src=picture,
    )


def _image(image: ProductImage) -> ImageDraft:
    return ImageDraft(line=0, src=address_of(image), alt_text=image.alt_text)
