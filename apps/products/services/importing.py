"""Writes drafts of products into the catalogue: whole or not at all, and only what differs.

Stock stands above this floor: whoever imports it too opens the transaction and calls `write_product` inside.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db.models import F

from apps.accounts.models import User
from apps.products.changes import announce_product_change
from apps.products.errors import ProductNotFound
from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.services.category_paths import CategoryPaths
from apps.products.services.importing_images import apply_images
from apps.products.services.importing_plan import Plan, StoredProduct, VariantPlan, make_plan
from apps.products.services.tags import ensure_tags, replace_tags
from apps.products.shopify.drafts import ProductDraft
from apps.products.texts import build_search_text
from core.transactions import atomic

_OUT_OF_THE_WAY = 1_000_000  # added to positions while they are being exchanged


def load_stored(handles: Iterable[str]) -> dict[str, StoredProduct]:
    """Return the products of these handles, those that exist. Four statements."""
    return read_stored(list(Product.objects.filter(slug__in=list(handles))))


def read_stored(products: Sequence[Product]) -> dict[str, StoredProduct]:
    """Return these products, by handle, with all that belongs to them. Three statements."""
    stored = {product.pk: StoredProduct(product) for product in products}
    for variant in ProductVariant.objects.filter(product__in=stored).order_by("position", "id"):
        stored[variant.product_id].variants.append(variant)
    for image in ProductImage.objects.filter(product__in=stored).order_by("position", "id"):
        stored[image.product_id].images.append(image)
    links = Product.tags.through.objects.filter(product__in=stored)
    for product_id, slug, name in links.values_list("product_id", "tag__slug", "tag__name"):
        stored[product_id].tags[slug] = name
    return {entry.product.slug: entry for entry in stored.values()}


def new_product(*, handle: str, seller: User) -> StoredProduct:
    """Return a product that is not stored yet."""
    return StoredProduct(Product(slug=handle, seller=seller, currency=settings.STORE_CURRENCY))


def write_product(draft: ProductDraft, *, stored: StoredProduct, categories: CategoryPaths, now: dt.datetime) -> Plan:
    """Make the product say what the draft says and return what was changed; `version` rises once if anything was.

    A stored product is locked and read again first, so that a change made meanwhile is neither lost nor repeated.
    Categories and tags are made when new. Raises PlanRefused; ProductNotFound when it was deleted meanwhile;
    IntegrityError when a twin took the handle or a SKU.
    Cached answers are stale once the transaction has committed.
    """
    with atomic():
        category_id = categories.ensure(draft.category_path or ())  # locks the tree: always before a product
        present = stored if stored.product._state.adding else _lock(stored.product.pk)
        plan = make_plan(draft, present, category_id=category_id, now=now)
        if not plan.is_empty:
            _apply(plan, categories=categories, now=now)
            announce_product_change(present.product.pk)
        return plan


def _lock(product_id: uuid.UUID) -> StoredProduct:
    found = list(Product.objects.select_for_update(no_key=True).filter(pk=product_id))
    if not found:
        raise ProductNotFound
    return read_stored(found)[found[0].slug]


def _apply(plan: Plan, *, categories: CategoryPaths, now: dt.datetime) -> None:
    is_new = plan.stored.product._state.adding
    tags = None if plan.tags is None else ensure_tags(sorted(plan.tags))  # in order: twins do not deadlock
    if tags is not None:
        plan.stored.tags = {tag.slug: tag.name for tag in tags}
    _save_product(plan, categories=categories, now=now)
    _save_variants(plan.variants, now=now)
    if tags is not None:
        replace_tags(plan.stored.product, tags, present=() if is_new else None)
    apply_images(plan.images)


def _save_product(plan: Plan, *, categories: CategoryPaths, now: dt.datetime) -> None:
    product = plan.stored.product
    for field, value in plan.changes.items():
        setattr(product, field, value)
    product.search_text = _search_text(plan, categories)
    if product._state.adding:
        product.save(force_insert=True)
        return
    changes = {**plan.changes, "search_text": product.search_text, "updated_at": now}
    Product.objects.filter(pk=product.pk).update(version=F("version") + 1, **changes)


def _search_text(plan: Plan, categories: CategoryPaths) -> str:
    product = plan.stored.product
    return build_search_text(
        name=product.name,
        description=product.description,
        vendor=product.vendor,
        category_name=categories.name_of(product.category_id),
        tags=plan.stored.tags.values(),
        skus=[product.sku, *(entry.value("sku") for entry in plan.variants)],
    )


def _save_variants(plans: list[VariantPlan], *, now: dt.datetime) -> None:
    changed = [entry for entry in plans if entry.changes and not entry.variant._state.adding]
    added = [entry for entry in plans if entry.variant._state.adding]
    _clear_the_way(plans, changed)
    for entry in (*changed, *added):
        for field, value in entry.changes.items():
            setattr(entry.variant, field, value)
        entry.variant.updated_at = now
    if changed:
        fields = {"position", "updated_at"}.union(*(entry.changes for entry in changed))
        known = [entry.variant for entry in plans if not entry.variant._state.adding]
        ProductVariant.objects.bulk_update(known, sorted(fields))
    ProductVariant.objects.bulk_create([entry.variant for entry in added])


def _clear_the_way(plans: list[VariantPlan], changed: list[VariantPlan]) -> None:
    """Let go of positions and SKUs that variants of one product exchange: unique keys are checked row by row."""
    if any("position" in entry.changes for entry in changed):
        known = [entry.variant.pk for entry in plans if not entry.variant._state.adding]
        ProductVariant.objects.filter(pk__in=known).update(position=F("position") + _OUT_OF_THE_WAY)
    renamed = [entry.variant.pk for entry in changed if "sku" in entry.changes and entry.variant.sku]
    if renamed:
        ProductVariant.objects.filter(pk__in=renamed).update(sku=None)
