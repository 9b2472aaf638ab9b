"""Checkout over HTTP, v1."""

from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.owners import CART_TOKEN_HEADER
from apps.orders.api.shared import ORDER_TOKEN_HEADER, cart_owner_of, order_location, user_of
from apps.orders.api.v1.serializers import CheckoutInput, PlacedOrderOutput
from apps.orders.api.v1.shapes import shape_order
from apps.orders.services.drafting import CheckoutCommand
from apps.orders.services.placement import place_order
from core import clock
from core.api.idempotency import idempotent
from core.api.permissions import AllowAny
from core.api.views import ShopView

_CART_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, description="A guest's cart."
)


class CheckoutView(ShopView):
    """POST makes an order of the caller's cart; answers under three names."""

    permission_classes: list[type[BasePermission]] = [AllowAny]
    throttle_scope = "checkout"

    @extend_schema(
        tags=["orders"],
        parameters=[_CART_TOKEN],
        request=CheckoutInput,
        responses={201: PlacedOrderOutput},
        description=(
            "Turns the cart into an order: priced by the server, stock reserved, the cart closed, all or nothing. "
            "`cod` orders are confirmed at once; others stay pending until paid and expire. A guest sends `email` and "
            f"gets `order_token`, shown once, to be sent as {ORDER_TOKEN_HEADER}. "
            "409: cart_empty, cart_has_problems, out_of_stock, total_changed, cart_already_ordered."
        ),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        user = user_of(request)
        serializer = CheckoutInput(data=request.data, context={"user": user})
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        command = CheckoutCommand(
            owner=cart_owner_of(request),
            user=user,
            email=data["email"].lower(),
            shipping_address=data["shipping_address"],
            billing_address=data["billing_address"],
            shipping_method=data["shipping_method"] or None,
            payment_method=data["payment_method"],
            notes=data["notes"],
            expected_total=data["expected_total"],
            language=get_language() or "",
        )
        placed = place_order(command=command, now=clock.now())
        body = shape_order(placed.order, placed.items)
        if placed.order_token:
            body["order_token"] = placed.order_token
        return Response(body, status=201, headers={"Location": order_location(request, placed.order.pk)})
