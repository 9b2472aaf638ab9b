"""The catalogue's reads as customers see it: products with their stock and primary picture.

They live under the roof because stock stands above products. Plain rows instead of model objects: nothing is built
that is not shown.
"""

import datetime as dt
import functools
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.inventory.models import Stock
from apps.products.api.filters import ORDERINGS, ProductFilter
from apps.products.category_tree import CategoryRow, descendants
from apps.products.errors import CategoryNotFound, ProductNotFound
from apps.products.models import Category, Product, ProductImage, ProductVariant
from core.compiled_reads import CompiledRead
from core.errors import FieldError, InvalidInput
from core.fields import MoneyField


class ProductRow(NamedTuple):
    """One product as lists and pages show it. `available` counts the active variants' units; amounts are decimals.

    `image_file` is a name in the default storage, `image_source` an address elsewhere; at most one is of use.
    """

    id: uuid.UUID
    name: str
    slug: str
    sku: str | None
    description: str
    category_id: uuid.UUID | None
    category_name: str | None
    price: Decimal
    compare_at_price: Decimal | None
    currency: str
    is_active: bool
    created_at: dt.datetime
    updated_at: dt.datetime
    seller_id: uuid.UUID
    available: int
    image_file: str | None
    image_source: str | None
    cost_price: Decimal | None  # of the default variant; None unless asked for


_COLUMNS = ("id", "name", "slug", "sku", "description", "category_id", "category__name", "price", "compare_at_price",
            "currency", "is_active", "created_at", "updated_at", "seller_id")  # fmt: skip
_ANNOTATED = ("available", "image_file", "image_source", "cost")


def filter_products(wanted: ProductFilter) -> "QuerySet[Product]":
    """Return the active products a filter asks for, in its order. One statement when it names a category, else none.

    Raises InvalidInput when there is no such category.
    """
    products = Product.objects.filter(is_active=True)
    if wanted.category is not None:
        products = products.filter(category_id__in=_category_ids(wanted.category))
    if wanted.min_price is not None:
        products = products.filter(price__gte=wanted.min_price)
    if wanted.max_price is not None:
        products = products.filter(price__lte=wanted.max_price)
    if wanted.in_stock is not None:
        sellable = Exists(_stock_of_product().filter(on_hand__gt=F("reserved")))
        products = products.filter(sellable if wanted.in_stock else ~sellable)
    for word in wanted.words:
        products = products.filter(search_text__contains=word)
    return products.order_by(*ORDERINGS[wanted.ordering])


def read_page(products: "QuerySet[Product]", *, first: int, size: int, with_cost: bool = False) -> list[ProductRow]:
    """Return `size` rows from `first` on. One statement. What they cost is not for customers' eyes."""
    return [ProductRow(*row) for row in _rows(products, with_cost=with_cost)[first : first + size]]


def read_product(product_id: uuid.UUID, *, with_cost: bool = False) -> ProductRow:
    """Return one product, hidden or not. One statement. Raises ProductNotFound."""
    rows = (_PRODUCT_WITH_COST if with_cost else _PRODUCT).rows(product_id=product_id)
    if not rows:
        raise ProductNotFound
    return ProductRow(*rows[0])


def read_categories() -> list[CategoryRow]:
    """Return the active categories, siblings in their order; category_tree.in_tree_order() makes a tree of them.

    One statement.
    """
    rows = Category.objects.filter(is_active=True).order_by("position", "name", "id")
    return [CategoryRow(*row) for row in rows.values_list("id", "parent_id", "name", "slug", "description", "position")]


def find_category(rows: Sequence[CategoryRow], category_id: uuid.UUID) -> CategoryRow:
    """Return one of the rows. Raises CategoryNotFound."""
    found = next((row for row in rows if row.id == category_id), None)
    if found is None:
        raise CategoryNotFound
    return found


def _category_ids(wanted: uuid.UUID | str) -> set[uuid.UUID]:
    """Return the category and all below it. One statement; the tree is small."""
    rows = list(Category.objects.order_by().values_list("id", "parent_id", "slug"))
    chosen = next((row_id for row_id, _, slug in rows if wanted in (row_id, slug)), None)
    if chosen is None:
        raise InvalidInput(errors=(FieldError("category", "unknown_category", "There is no such category."),))
    return descendants(chosen, {row_id: parent_id for row_id, parent_id, _ in rows})


def _rows(products: "QuerySet[Product]", *, with_cost: bool) -> "QuerySet[Product, tuple[Any, ...]]":
    units = _stock_of_product().order_by().values("variant__product").annotate(units=Sum(F("on_hand") - F("reserved")))
    default = ProductVariant.objects.filter(product=OuterRef("pk")).order_by("-is_active", "position")
    primary = ProductImage.objects.filter(product=OuterRef("pk")).order_by("position", "id")
    return products.annotate(
        available=Coalesce(Subquery(units.values("units")), 0),
        image_file=Subquery(primary.values("file")[:1]),
        image_source=Subquery(primary.values("source_url")[:1]),
        cost=Subquery(default.values("cost_price")[:1]) if with_cost else Value(None, output_field=MoneyField()),
    ).values_list(*_COLUMNS, *_ANNOTATED)


def _stock_of_product() -> "QuerySet[Stock]":
    """The stock rows customers buy an outer query's product from."""
    return Stock.objects.sold_from().filter(variant__product=OuterRef("pk"), variant__is_active=True)


def _one(*, product_id: uuid.UUID, with_cost: bool) -> "QuerySet[Product, tuple[Any, ...]]":
    return _rows(Product.objects.filter(pk=product_id).order_by(), with_cost=with_cost)


# A product's page is the one read that memory cannot spare: there are as many pages as products.
_PRODUCT = CompiledRead(functools.partial(_one, with_cost=False), "product_id")
_PRODUCT_WITH_COST = CompiledRead(functools.partial(_one, with_cost=True), "product_id")
