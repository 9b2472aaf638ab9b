"""Offering and changing a product together with its default variant."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypedDict

from django.conf import settings
from django.db import IntegrityError

from apps.accounts.models import User
from apps.products import texts
from apps.products.changes import announce_product_change
from apps.products.errors import MayNotSell, SkuTaken, UnknownCategory
from apps.products.locks import lock_product
from apps.products.models import Category, Product, ProductVariant, Tag, default_of
from apps.products.selectors import check_may_edit
from apps.products.services.slugs import insert_with_free_slug
from apps.products.services.tags import ensure_tags, replace_tags
from core import transactions
from core.money import quantize

_ON_BOTH = ("price", "compare_at_price", "sku")
_ON_PRODUCT = (*_ON_BOTH, "name", "description", "vendor", "seo_title", "seo_description", "is_active", "is_featured")
_ON_VARIANT = (*_ON_BOTH, "cost_price", "barcode", "weight_grams", "requires_shipping", "is_taxable", "tax_category")
_AMOUNTS = ("price", "compare_at_price", "cost_price")
_SEARCHED = {"name", "description", "vendor", "sku", "category"}


class ProductInput(TypedDict, total=False):
    """What may be written. An absent key keeps its value (for a new product: its default); `name` and `price` make one.

    Amounts are of the store's currency. `slug` is a wish and counts for a new product only. Price, SKU and the fields
    from `cost_price` on are those of the default variant.
    """

    name: str
    slug: str
    description: str
    vendor: str
    seo_title: str
    seo_description: str
    category_id: uuid.UUID | None
    tags: Sequence[str]
    is_active: bool
    is_featured: bool
    price: Decimal
    compare_at_price: Decimal | None
    sku: str | None
    cost_price: Decimal | None
    barcode: str
    weight_grams: int
    requires_shipping: bool
    is_taxable: bool
    tax_category: str


def create_product(*, actor: User, data: ProductInput, now: dt.datetime, seller: User | None = None) -> Product:
    """Write a product and its default variant, offered by `actor` (or by `seller`, whom only an admin may name).

    The description's HTML is sanitised, the slug made unique, tags made when new, `search_text` built. Stock is not
    written here: it stands above; `loaded_variants` holds the variant. Raises MayNotSell, SkuTaken, UnknownCategory,
    UnusableTag; nothing is kept then. Cached lists are stale once the transaction has committed.
    """
    owner = seller or actor
    if not (actor.is_admin or (actor.is_seller and owner == actor)):
        raise MayNotSell
    with transactions.atomic():
        values = _clean(data)
        product = Product(seller=owner, currency=settings.STORE_CURRENCY, category=_category(data.get("category_id")))
        _assign(product, values, _ON_PRODUCT)
        tags = ensure_tags(data.get("tags", ()))
        product.search_text = _search_text(product, [product.sku], tags)
        insert_with_free_slug(product, wish=data.get("slug", ""))
        variant = ProductVariant(product=product, currency=product.currency)
        _assign(variant, values, _ON_VARIANT)
        _save_variant(variant, force_insert=True)
        product.loaded_variants = [variant]
        replace_tags(product, tags, present=())
        announce_product_change(product.pk)
    return product


def update_product(
    *,
    actor: User,
    product_id: uuid.UUID,
    changes: ProductInput,
    now: dt.datetime,
    precondition: Callable[[], None] | None = None,
) -> Product:
    """Write the given fields of a product and of its default variant; changing nothing writes nothing.

    Locks the product's row, then calls `precondition`, which may raise to refuse (a stale If-Match). An archived
    product that is made active is back on sale. `version` rises by one. Raises ProductNotFound, NotYourProduct,
    SkuTaken, UnknownCategory, UnusableTag. Cached answers are stale once the transaction has committed.
    """
    with transactions.atomic():
        product, variants = lock_product(product_id)
        product.loaded_variants = variants
        check_may_edit(actor=actor, product=product)
        if precondition:
            precondition()
        values = _clean(changes)
        changed = _assign(product, values, _ON_PRODUCT) | _change_category(product, changes)
        default = default_of(variants)
        changed_variant = _assign(default, values, _ON_VARIANT)
        tags = _replace_tags(product, changes)
        if not (changed or changed_variant or tags is not None):
            return product
        _save_product(product, changed, variants, tags)
        if changed_variant:
            _save_variant(default, update_fields=[*changed_variant, "updated_at"])
        announce_product_change(product.pk)
    return product


def _clean(data: ProductInput) -> dict[str, Any]:
    values: dict[str, Any] = {name: value for name, value in data.items() if name in {*_ON_PRODUCT, *_ON_VARIANT}}
    for name in _AMOUNTS:
        if values.get(name) is not None:
            values[name] = quantize(values[name], settings.STORE_CURRENCY)
    if "description" in values:
        values["description"] = texts.sanitise_html(values["description"])
    if "sku" in values:
        values["sku"] = values["sku"] or None
    return values


def _assign(row: Product | ProductVariant, values: Mapping[str, Any], allowed: Sequence[str]) -> set[str]:
    """Set the allowed fields and return the names of those that differ from before."""
    changed = {name for name in allowed if name in values and getattr(row, name) != values[name]}
    for name in changed:
        setattr(row, name, values[name])
    return changed


def _category(category_id: uuid.UUID | None) -> Category | None:
    if category_id is None:
        return None
    category = Category.objects.filter(pk=category_id).first()
    if category is None:
        raise UnknownCategory
    return category


def _change_category(product: Product, changes: ProductInput) -> set[str]:
    if "category_id" not in changes or changes["category_id"] == product.category_id:
        return set()
    product.category = _category(changes["category_id"])
    return {"category"}


def _replace_tags(product: Product, changes: ProductInput) -> list[Tag] | None:
    """Return the tags that were set, or None when they stay as they are."""
    if "tags" not in changes:
        return None
    wanted = ensure_tags(changes["tags"])
    present = set(product.tags.values_list("pk", flat=True))
    if {tag.pk for tag in wanted} == present:
        return None
    replace_tags(product, wanted, present=present)
    return wanted


def _save_product(
    product: Product, changed: set[str], variants: Sequence[ProductVariant], tags: Sequence[Tag] | None
) -> None:
    if changed & _SEARCHED or tags is not None:
        known_tags = tags if tags is not None else list(product.tags.all())
        product.search_text = _search_text(product, [product.sku, *(v.sku for v in variants)], known_tags)
        changed.add("search_text")
    if product.is_active and product.archived_at:
        product.archived_at = None
        changed.add("archived_at")
    product.version += 1
    product.save(update_fields=[*changed, "version", "updated_at"])


def _save_variant(variant: ProductVariant, **how: Any) -> None:
    try:
        variant.save(**how)
    except IntegrityError as error:
        if "sku" in str(error):
            raise SkuTaken from error
        raise


def _search_text(product: Product, skus: Sequence[str | None], tags: Sequence[Tag]) -> str:
    return texts.build_search_text(
        name=product.name,
        description=product.description,
        vendor=product.vendor,
        category_name=product.category.name if product.category else "",
        tags=[tag.name for tag in tags],
        skus=skus,
    )
