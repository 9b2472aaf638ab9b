"""The cart over HTTP, version 1."""

import uuid
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.owners import CART_TOKEN_HEADER, cart_owner, ensure_cart_owner
from apps.cart.api.shared import shape_cart, shape_line
from apps.cart.api.v1.serializers import AddItemInput, CartItemOutput, CartOutput, NewCartOutput, QuantityInput
from apps.cart.contents import CartView as CartContents
from apps.cart.errors import CartItemNotFound
from apps.cart.owners import CartOwner
from apps.cart.services import carts
from core import clock
from core.api.permissions import AllowAny
from core.api.views import ShopView

CART_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="A guest's cart; not needed with an account.",
)
ISSUED_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[201],
    description="Given to a new guest, once.",
)
ADD_SCHEMA: dict[str, Any] = {
    "request": AddItemInput,
    "responses": {201: NewCartOutput},
    "parameters": [CART_TOKEN, ISSUED_TOKEN],
    "description": (
        "Puts a variant into the cart; the same one again adds to its quantity. Stock is promised only at checkout. "
        "404: product_not_found, variant_not_found. 409: out_of_stock (with what is available), product_unavailable, "
        "cart_quantity_limit, cart_full."
    ),
}
QUANTITY_SCHEMA: dict[str, Any] = {
    "request": QuantityInput,
    "responses": CartOutput,
    "parameters": [CART_TOKEN],
    "description": (
        "Sets the line's quantity and answers the cart; 0 removes the line. 404: cart_item_not_found. "
        "409: out_of_stock (with what is available), product_unavailable, cart_quantity_limit."
    ),
}


class AddToCartView(ShopView):
    """POST puts a product into the cart."""

    permission_classes = [AllowAny]
    throttle_scope = "cart_add"

    @extend_schema(operation_id="cart_add", **ADD_SCHEMA)
    def post(self, request: Request) -> Response:
        return _add(request)


class CartView(ShopView):
    """GET shows the cart; POST puts a product into it."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "POST":
            self.throttle_scope = AddToCartView.throttle_scope  # type: ignore[misc]  # this view object is the request's own
        super().initial(request, *args, **kwargs)

    @extend_schema(operation_id="cart_read", responses=CartOutput, parameters=[CART_TOKEN])
    def get(self, request: Request) -> Response:
        owner = cart_owner(request)
        return Response(shape_cart(carts.read_cart(owner=owner) if owner else _no_cart()))

    @extend_schema(operation_id="cart_create", **ADD_SCHEMA)
    def post(self, request: Request) -> Response:
        return _add(request)


class CartItemView(ShopView):
    """One line of the caller's own cart."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="cart_item_read", responses=CartItemOutput, parameters=[CART_TOKEN])
    def get(self, request: Request, item_id: uuid.UUID) -> Response:
        return Response(shape_line(carts.read_item(owner=_line_owner(request), item_id=item_id)))

    @extend_schema(operation_id="cart_item_replace", **QUANTITY_SCHEMA)
    def put(self, request: Request, item_id: uuid.UUID) -> Response:
        return self._set_quantity(request, item_id)

    @extend_schema(operation_id="cart_item_update", **QUANTITY_SCHEMA)
    def patch(self, request: Request, item_id: uuid.UUID) -> Response:
        return self._set_quantity(request, item_id)

    @extend_schema(operation_id="cart_item_remove", responses={204: None}, parameters=[CART_TOKEN])
    def delete(self, request: Request, item_id: uuid.UUID) -> Response:
        carts.remove_item(owner=_line_owner(request), item_id=item_id, now=clock.now())
        return Response(status=204)

    def _set_quantity(self, request: Request, item_id: uuid.UUID) -> Response:
        wanted = QuantityInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        cart = carts.set_quantity(owner=_line_owner(request), item_id=item_id, now=clock.now(), **wanted.validated_data)
        return Response(shape_cart(cart))


@extend_schema_view(
    get=extend_schema(operation_id="cart_line_read"),
    put=extend_schema(operation_id="cart_line_replace"),
    patch=extend_schema(operation_id="cart_line_update"),
    delete=extend_schema(operation_id="cart_line_remove"),
)
class CartLineView(CartItemView):
    """The same line under its shorter path; named apart for the OpenAPI document."""


class ClearCartView(ShopView):
    """Empties the caller's own cart."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="cart_clear", request=None, responses=CartOutput, parameters=[CART_TOKEN])
    def post(self, request: Request) -> Response:
        return Response(shape_cart(_clear(request)))

    @extend_schema(
        operation_id="cart_clear_by_delete",
        responses={204: OpenApiResponse(description="Empty.")},
        parameters=[CART_TOKEN],
    )
    def delete(self, request: Request) -> Response:
        _clear(request)
        return Response(status=204)


def _add(request: Request) -> Response:
    item = AddItemInput(data=request.data)
    item.is_valid(raise_exception=True)
    owner, new_token = ensure_cart_owner(request)
    body = shape_cart(carts.add_item(owner=owner, now=clock.now(), **item.validated_data))
    if new_token is None:
        return Response(body, status=201)
    return Response(body | {"cart_token": new_token}, status=201, headers={CART_TOKEN_HEADER: new_token})


def _clear(request: Request) -> CartContents:
    owner = cart_owner(request)
    return carts.clear_cart(owner=owner, now=clock.now()) if owner else _no_cart()


def _line_owner(request: Request) -> CartOwner:
    """Nobody in particular owns no lines. Raises CartItemNotFound."""
    owner = cart_owner(request)
    if owner is None:
        raise CartItemNotFound
    return owner


def _no_cart() -> CartContents:
    return CartContents(id=None, lines=(), currency=settings.STORE_CURRENCY)
