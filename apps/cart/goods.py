"""What the shop says of a variant in a cart: the catalogue's words and price, and what stock is left. One join."""

import uuid
from collections.abc import Collection
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from apps.inventory.models import Stock
from apps.products.models import ProductVariant
from apps.products.selectors import Sellable
from core.compiled_reads import CompiledRead


class Goods(NamedTuple):
    """A variant as a cart shows it. A tuple, because a cart may hold hundreds.

    `unit_price` is an amount of `currency`; `available` counts units that no order has been promised. `is_on_sale`
    says whether it may be bought at all, in the store's currency, and nothing about stock; `is_default` that it is the
    variant meant by its product's id alone.
    """

    variant_id: uuid.UUID
    product_id: uuid.UUID
    name: str
    sku: str | None
    unit_price: Decimal
    currency: str
    is_on_sale: bool
    is_default: bool
    available: int

    @property
    def sellable_units(self) -> int:
        """Units a customer could buy now."""
        return self.available if self.is_on_sale else 0


def load_goods(variant_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Goods]:
    """Return the variants that exist, on sale or not, by id. One statement (none for no ids)."""
    if not variant_ids:
        return {}
    wanted = list(variant_ids)
    size = 1 << (len(wanted) - 1).bit_length()
    filled = [*wanted, *wanted[-1:] * (size - len(wanted))]
    rows = _of_variants(size).rows(**{f"id{place}": key for place, key in enumerate(filled)})
    return {row[0]: as_goods(row) for row in rows}


def load_default_goods(product_id: uuid.UUID) -> Goods | None:
    """Return a product's first variant that is on sale, else its first; None without a variant. One statement."""
    rows = _of_product.rows(product=product_id)
    return as_goods(rows[0]) if rows else None


def goods_columns(variant: str = "") -> tuple[Any, ...]:
    """Return what values_list() reads for as_goods(); `variant` is the path to the variant ("variant__")."""
    names = (
        "id", "product_id", "product__name", "name", "sku", "price", "currency", "position", "is_active",
        "product__is_active",
    )  # fmt: skip
    units = Stock.objects.sold_from().filter(variant_id=OuterRef(f"{variant}id")).order_by()
    left = Subquery(units.values_list(F("on_hand") - F("reserved"))[:1])
    return (*(f"{variant}{name}" for name in names), Coalesce(left, 0))


def as_goods(row: tuple[Any, ...]) -> Goods:
    """Return a row of goods_columns() as goods."""
    variant_id, product_id, product_name, variant_name, sku, price, currency, position, *rest = row
    variant_active, product_active, left = rest
    return Goods(
        variant_id=variant_id,
        product_id=product_id,
        name=_full_name(product_name, variant_name),
        sku=sku,
        unit_price=price,
        currency=currency,
        is_on_sale=variant_active and product_active and currency == settings.STORE_CURRENCY,
        is_default=variant_active and position == 0,
        available=left,
    )


def sellable_columns(variant: str) -> tuple[str, ...]:
    """Return what values_list() reads for as_sellable(); `variant` is the path to the variant ("variant__")."""
    names = (
        "id", "product_id", "product__seller_id", "product__name", "name", "sku", "price", "currency", "weight_grams",
        "tax_category", "is_taxable", "requires_shipping", "is_active", "product__is_active",
    )  # fmt: skip
    return tuple(f"{variant}{name}" for name in names)


def as_sellable(row: tuple[Any, ...]) -> Sellable:
    """Return a row of sellable_columns() as the catalogue's own type: one join where a second statement was needed."""
    variant_id, product_id, seller_id, product_name, variant_name, sku, price, currency, *rest = row
    weight_grams, tax_category, is_taxable, requires_shipping, variant_active, product_active = rest
    return Sellable(
        variant_id=variant_id,
        product_id=product_id,
        seller_id=seller_id,
        name=_full_name(product_name, variant_name),
        sku=sku,
        unit_price=price,
        currency=currency,
        weight_grams=weight_grams,
        tax_category=tax_category,
        is_taxable=is_taxable,
        requires_shipping=requires_shipping,
        is_sellable=variant_active and product_active,
    )


@cache
def _of_variants(size: int) -> CompiledRead:
    """The read of `size` ids. Sizes are powers of two, so that there are ten of them and not five hundred."""

    def build(**ids: uuid.UUID) -> models.QuerySet[ProductVariant, Any]:
        variants = ProductVariant.objects.filter(pk__in=list(ids.values())).order_by()
        return variants.values_list(*goods_columns())

    return CompiledRead(build, *(f"id{place}" for place in range(size)))


def _default_variant(product: uuid.UUID) -> models.QuerySet[ProductVariant, Any]:
    variants = ProductVariant.objects.filter(product_id=product).order_by("-is_active", "position", "id")
    return variants.values_list(*goods_columns())[:1]


_of_product = CompiledRead(_default_variant, "product")


def _full_name(product_name: str, variant_name: str) -> str:
    """Return "Shirt", or "Shirt - Small" where variants have names."""
    return f"{product_name} - {variant_name}" if variant_name else product_name
