"""The bodies of v1's catalogue answers, and the change slots they hang on.

Without a `viewer` a body is for everybody and may be kept; with one it may hold more (hidden products, cost prices).
"""

import uuid
from collections.abc import Sequence
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.request import Request

from apps.accounts.models import User
from apps.products.api.catalogue import (
    ProductRow,
    filter_products,
    find_category,
    read_categories,
    read_page,
    read_product,
)
from apps.products.api.filters import PAGE_PARAMETERS, ProductFilter, check_parameters, read_filter
from apps.products.api.v1.shapes import shape_category, shape_category_page, shape_own_product, shape_product
from apps.products.category_tree import in_tree_order
from apps.products.changes import CATALOGUE_SLOT, CATEGORIES_SLOT, product_slot
from apps.products.errors import ProductNotFound
from apps.products.models import Product
from apps.products.selectors import may_see_hidden
from core.api.cached_views import Built
from core.api.pagination import page_document, page_number, page_size
from core.errors import NotFound


def product_list(request: HttpRequest | Request, *, viewer: User | None = None) -> Built:
    """One page of the active products a query asks for. Two statements, three with a category."""
    products = filter_products(read_filter(request.GET))
    body, rows = _page(request, products, viewer)
    return Built(body, [CATALOGUE_SLOT, *(product_slot(row.id) for row in rows)])


def product_detail(request: HttpRequest | Request, *, product_id: uuid.UUID, viewer: User | None = None) -> Built:
    """One product, if the viewer may see it. One statement. Raises ProductNotFound."""
    check_parameters(request.GET, ())
    body = product_body(product_id, viewer=viewer, origin=origin_of(request))
    return Built(body, [CATEGORIES_SLOT, product_slot(product_id)])


def product_body(product_id: uuid.UUID, *, viewer: User | None, origin: str) -> dict[str, Any]:
    """Return "product v1" as this viewer sees it. Raises ProductNotFound when they do not."""
    row = read_product(product_id, with_cost=_may_own(viewer))
    if not row.is_active and not may_see_hidden(actor=viewer, seller_id=row.seller_id):
        raise ProductNotFound
    [body] = _shape([row], viewer, origin=origin)
    return body


def category_list(request: HttpRequest | Request) -> Built:
    """All categories on show, each before those below it. One statement."""
    check_parameters(request.GET, ())
    return Built([shape_category(row) for row in in_tree_order(read_categories())], [CATEGORIES_SLOT])


def category_detail(request: HttpRequest | Request, *, category_id: uuid.UUID, viewer: User | None = None) -> Built:
    """One category with a page of the products in it and below it, newest first. Four statements.

    Raises CategoryNotFound.
    """
    check_parameters(request.GET, PAGE_PARAMETERS)
    tree = in_tree_order(read_categories())
    category = find_category(tree, category_id)
    children = [row.id for row in tree if row.parent_id == category_id]
    products, rows = _page(request, filter_products(ProductFilter(category=category_id)), viewer)
    body = shape_category_page(category, children=children, products=products)
    return Built(body, [CATALOGUE_SLOT, CATEGORIES_SLOT, *(product_slot(row.id) for row in rows)])


def origin_of(request: HttpRequest | Request) -> str:
    """Return scheme and host of this request; the host has been checked against ALLOWED_HOSTS."""
    return f"{request.scheme}://{request.get_host()}"


def _page(
    request: HttpRequest | Request, products: "QuerySet[Product]", viewer: User | None
) -> tuple[dict[str, Any], list[ProductRow]]:
    number, size = page_number(cast(Request, request)), page_size(cast(Request, request))
    count, first = products.count(), (number - 1) * size
    if number > 1 and first >= count:
        raise NotFound("There is no such page.")
    rows = read_page(products, first=first, size=size, with_cost=_may_own(viewer))
    results = _shape(rows, viewer, origin=origin_of(request))
    return page_document(cast(Request, request), results=results, count=count, number=number, size=size), rows


def _shape(rows: Sequence[ProductRow], viewer: User | None, *, origin: str) -> list[dict[str, Any]]:
    return [
        shape_own_product(row, origin=origin)
        if may_see_hidden(actor=viewer, seller_id=row.seller_id)
        else shape_product(row, origin=origin)
        for row in rows
    ]


def _may_own(viewer: User | None) -> bool:
    return viewer is not None and (viewer.is_admin or viewer.is_seller)
