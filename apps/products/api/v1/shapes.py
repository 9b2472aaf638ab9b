"""The shapes of v1: product, category, page."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.files.storage import default_storage

from apps.products.api.catalogue import ProductRow
from apps.products.category_tree import CategoryRow
from core.money import format_amount


def shape_product(row: ProductRow, *, origin: str) -> dict[str, Any]:
    """Return "product v1" as everybody sees it; `origin` ("https://shop.example") makes local pictures absolute."""
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "sku": row.sku,
        "description": row.description,
        "category": row.category_id,
        "category_name": row.category_name,
        "price": format_amount(row.price, row.currency),
        "compare_at_price": _amount(row.compare_at_price, row.currency),
        "discount_percentage": discount_percentage(row.price, row.compare_at_price),
        "currency": row.currency,
        "stock_quantity": row.available,
        "in_stock": row.available > 0,
        "image_url": image_url(row, origin=origin),
        "is_active": row.is_active,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def shape_own_product(row: ProductRow, *, origin: str) -> dict[str, Any]:
    """Return "product v1" as its seller and admins see it: with what it costs them."""
    return {**shape_product(row, origin=origin), "cost_price": _amount(row.cost_price, row.currency)}


def shape_category(row: CategoryRow) -> dict[str, Any]:
    """Return a category; `depth` is 0 for a root."""
    return {
        "id": row.id,
        "name": row.name,
        "slug": row.slug,
        "description": row.description,
        "parent": row.parent_id,
        "depth": row.depth,
        "position": row.position,
    }


def shape_category_page(row: CategoryRow, *, children: Sequence[uuid.UUID], products: dict[str, Any]) -> dict[str, Any]:
    """Return a category with the ids of its subcategories and one page of its products."""
    return {**shape_category(row), "children": list(children), "products": products}


def discount_percentage(price: Decimal, compare_at_price: Decimal | None) -> int:
    """Return the whole percent a price lies below `compare_at_price`, rounded down; 0 when it does not."""
    if not compare_at_price or compare_at_price <= price:
        return 0
    return int((compare_at_price - price) * 100 / compare_at_price)


def image_url(row: ProductRow, *, origin: str) -> str | None:
    """Return the absolute address of the primary picture, or None."""
    if row.image_file:
        url = default_storage.url(row.image_file)
        return origin + url if url.startswith("/") else url
    return row.image_source or None


def _amount(value: Decimal | None, currency: str) -> str | None:
    return None if value is None else format_amount(value, currency)
