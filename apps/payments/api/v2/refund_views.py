"""Refunds of an order over HTTP, v2: read by whoever may see the order, made by admins and sellers."""

import uuid
from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.shared import read_input
from apps.accounts.models import User
from apps.orders.api.shared import known_principal_of
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal, access_order_view, sees_own_lines_only
from apps.payments.api.shared import refuse_card_data, request_key_of
from apps.payments.api.v2.refund_serializers import RefundInput, RefundOutput, RefundPage
from apps.payments.api.v2.refund_shapes import shape_refund, shape_sellers_part
from apps.payments.api.views import ORDER_TOKEN
from apps.payments.models import Refund
from apps.payments.selectors import list_refunds
from apps.payments.services.refund_plans import RefundCommand
from apps.payments.services.refunding import request_refund
from core import clock
from core.api.idempotency import fingerprint_of, idempotent
from core.api.pagination import paginate
from core.api.permissions import AllowAny
from core.api.views import ShopView
from core.errors import FieldError, Forbidden, InvalidInput
from core.ids import hash_token

_PAGE = [OpenApiParameter(name, OpenApiTypes.INT) for name in ("page", "page_size")]
INVALID = OpenApiResponse(description="Some fields are not valid; each is named. unknown_item: no such line for you.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token and no order token, or one that is no longer good.")
NOT_ALLOWED = OpenApiResponse(description="Neither admin nor seller, or more than a seller may: own lines.")
NO_ORDER = OpenApiResponse(description="order_not_found: no such order, or not yours.")
REFUSED = OpenApiResponse(description="provider_refused, with `provider_code` and the failed refund's `refund_id`.")
TOO_MUCH = OpenApiResponse(
    description=(
        "refund_too_large with `refundable` and `currency`, too_many_units with `item_id` and `left`, "
        "shipping_already_refunded."
    )
)


class OrderRefundsView(ShopView):
    """What of an order's money went back."""

    permission_classes: list[type[BasePermission]] = [AllowAny]

    @property
    def throttle_scope(self) -> str:  # type: ignore[override]
        """Refunds are as rare as checkouts; reading them is not."""
        return "checkout" if self.request.method == "POST" else "default"

    @extend_schema(
        operation_id="order_refunds_list",
        tags=["refunds"],
        parameters=[ORDER_TOKEN, *_PAGE],
        responses={200: RefundPage, 401: NOT_SIGNED_IN, 404: NO_ORDER},
        description="Newest first, for the order's owner, admins and the sellers of its lines (each their part).",
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        principal = known_principal_of(request)
        order = access_order_view(principal=principal, order_id=order_id)
        return paginate(request, list_refunds(principal=principal, order=order), _shape_for(principal, order))

    @extend_schema(
        operation_id="order_refunds_create",
        tags=["refunds"],
        request=RefundInput,
        responses={
            201: RefundOutput,
            400: INVALID,
            401: NOT_SIGNED_IN,
            403: NOT_ALLOWED,
            404: NO_ORDER,
            409: REFUSED,
            422: TOO_MUCH,
        },
        description=(
            "For admins, and sellers for own lines. Look at `state`: succeeded, or pending while the provider takes "
            "its time (it settles by itself: do not ask again). Never more than was paid and has not gone back."
        ),
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        actor = _actor_of(request)
        refuse_card_data(request.data)
        data = read_input(RefundInput, request)
        command = RefundCommand(
            actor=actor,
            order_id=order_id,
            reason=data["reason"],
            amount=data.get("amount"),
            lines=_lines(data.get("items")),
            shipping=data["shipping"],
            restock=data["restock"],
            request_key=_request_key(request),
        )
        return Response(shape_refund(request_refund(command=command, now=clock.now())), status=201)


def _actor_of(request: Request) -> User:
    user = known_principal_of(request).user
    if user is None or not (user.is_admin or user.is_seller):
        raise Forbidden("Only the shop and its sellers refund.")
    return user


def _lines(items: list[dict[str, Any]] | None) -> dict[uuid.UUID, int] | None:
    """Return units by line. Raises InvalidInput when a line is named twice."""
    if items is None:
        return None
    lines: dict[uuid.UUID, int] = {}
    for position, item in enumerate(items):
        if item["item_id"] in lines:
            error = FieldError(f"items.{position}.item_id", "duplicate", "Name each line once.")
            raise InvalidInput(errors=(error,))
        lines[item["item_id"]] = item["quantity"]
    return lines


def _request_key(request: Request) -> str:
    """Return what stands for this very request: a key that comes again with another body is another request."""
    key = request_key_of(request)
    return hash_token(f"{key}\n{fingerprint_of(request)}") if key else ""


def _shape_for(principal: OrderPrincipal, order: Order) -> Callable[[Refund], dict[str, Any]]:
    user = principal.user
    if user is None or not sees_own_lines_only(principal=principal, order=order):
        return shape_refund
    seller_id = user.pk
    return lambda refund: shape_sellers_part(refund, seller_id=seller_id)
