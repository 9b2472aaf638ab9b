"""v1: the catalogue for everybody, and its products for those who offer them."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsSellerOrAdmin
from apps.accounts.models import User
from apps.products.api.parsers import UploadParser
from apps.products.api.preconditions import if_match
from apps.products.api.v1 import openapi
from apps.products.api.v1.pages import (
    category_detail,
    category_list,
    origin_of,
    product_body,
    product_detail,
    product_list,
)
from apps.products.api.v1.serializers import CategoryOut, CategoryPageOut, ProductIn, ProductOut, ProductPageOut
from apps.products.api.writing import change_product, offer_product
from apps.products.errors import ProductNotFound
from apps.products.services.removal import archive_or_delete_product
from core import clock
from core.api.parsers import JSONParser
from core.api.permissions import AllowAny
from core.api.views import ShopView


class CatalogueView(ShopView):
    """Everybody reads; sellers and admins write. GETs without credentials do not come here (see urls.py)."""

    parser_classes = [JSONParser, UploadParser]

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in {"GET", "HEAD", "OPTIONS"}
        return [AllowAny()] if reads else [IsSellerOrAdmin()]


class ProductListView(CatalogueView):
    """The list, and new products."""

    @extend_schema(operation_id="products_list", parameters=[*openapi.FILTERS, *openapi.PAGE], responses=ProductPageOut)
    def get(self, request: Request) -> Response:
        return Response(product_list(request, viewer=_viewer(request)).body)

    @extend_schema(request=openapi.PRODUCT_REQUEST, responses={201: ProductOut})
    def post(self, request: Request) -> Response:
        form = ProductIn(data=request.data)
        form.is_valid(raise_exception=True)
        product = offer_product(actor=_actor(request), form=form.form(), now=clock.now())
        body = product_body(product.pk, viewer=_actor(request), origin=origin_of(request))
        return Response(body, status=201, headers={"Location": f"{request.path}{product.pk}/"})


class ProductDetailView(CatalogueView):
    """One product."""

    @extend_schema(responses=ProductOut)
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        return Response(product_detail(request, product_id=product_id, viewer=_viewer(request)).body)

    @extend_schema(request=openapi.PRODUCT_REQUEST, responses=ProductOut, parameters=openapi.IF_MATCH)
    def put(self, request: Request, product_id: uuid.UUID) -> Response:
        return self._change(request, product_id, ProductIn(data=request.data))

    @extend_schema(request=openapi.PRODUCT_REQUEST, responses=ProductOut, parameters=openapi.IF_MATCH)
    def patch(self, request: Request, product_id: uuid.UUID) -> Response:
        return self._change(request, product_id, ProductIn(data=request.data, partial=True))

    @extend_schema(responses={204: None}, parameters=openapi.IF_MATCH)
    def delete(self, request: Request, product_id: uuid.UUID) -> Response:
        archive_or_delete_product(
            actor=_actor(request),
            product_id=product_id,
            now=clock.now(),
            precondition=_precondition(request, product_id),
        )
        return Response(status=204)

    def _change(self, request: Request, product_id: uuid.UUID, form: ProductIn) -> Response:
        form.is_valid(raise_exception=True)
        change_product(
            actor=_actor(request),
            product_id=product_id,
            form=form.form(),
            now=clock.now(),
            precondition=_precondition(request, product_id),
        )
        return Response(product_body(product_id, viewer=_actor(request), origin=origin_of(request)))


class CategoryListView(CatalogueView):
    """The tree of categories."""

    @extend_schema(operation_id="categories_list", responses=CategoryOut(many=True))
    def get(self, request: Request) -> Response:
        return Response(category_list(request).body)


class CategoryDetailView(CatalogueView):
    """One category with its products."""

    @extend_schema(parameters=openapi.PAGE, responses=CategoryPageOut)
    def get(self, request: Request, category_id: uuid.UUID) -> Response:
        return Response(category_detail(request, category_id=category_id, viewer=_viewer(request)).body)


def _viewer(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _actor(request: Request) -> User:
    return cast(User, request.user)


def _precondition(request: Request, product_id: uuid.UUID) -> Callable[[], None] | None:
    """The caller may have read the product signed in or not: both readings count."""

    def bodies() -> Iterator[dict[str, Any]]:
        yield product_body(product_id, viewer=_viewer(request), origin=origin_of(request))
        with contextlib.suppress(ProductNotFound):
            yield product_body(product_id, viewer=None, origin=origin_of(request))

    return if_match(request, bodies)
