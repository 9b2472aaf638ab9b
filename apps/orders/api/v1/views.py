"""Orders over HTTP, v1."""

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsSellerOrAdmin, IsSignedIn
from apps.accounts.models import User
from apps.orders.api.shared import (
    ORDER_TOKEN_HEADER,
    known_principal_of,
    principal_of,
    user_of,
)
from apps.orders.api.v1.checkout import CheckoutView
from apps.orders.api.v1.serializers import (
    CancelInput,
    OrderOutput,
    OrderPageOutput,
    StatusInput,
)
from apps.orders.api.v1.shapes import shape_orders
from apps.orders.models import Order, OrderQuerySet
from apps.orders.selectors import OrderPrincipal, access_order_view, list_orders
from apps.orders.services.cancellation import cancel_own_order
from apps.orders.services.tracking import correct_tracking, ship_order
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.orders.tracking import TRACKING_FIELDS, Tracking
from core import clock
from core.api.idempotency import idempotent
from core.api.pagination import paginate
from core.api.permissions import AllowAny
from core.api.views import ShopView
from core.errors import FieldError, InvalidInput

_ORDER_TOKEN = OpenApiParameter(
    ORDER_TOKEN_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, description="A guest's key to their order."
)
_STATUS = OpenApiParameter("status", OpenApiTypes.STR, enum=OrderStatus.values, description="Only orders there.")
_PAGE = [OpenApiParameter(name, OpenApiTypes.INT) for name in ("page", "page_size")]


class OrdersView(CheckoutView):
    """GET lists orders; POST is a checkout."""

    @property
    def throttle_scope(self) -> str:  # type: ignore[override]
        """Reading the list does not use up the checkouts."""
        return "checkout" if self.request.method == "POST" else "default"

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.request.method == "POST" else [IsSignedIn()]

    @extend_schema(
        operation_id="orders_list",
        tags=["orders"],
        parameters=[_STATUS, *_PAGE],
        responses={200: OrderPageOutput},
        description=(
            "Newest first. Customers see their own, admins all, sellers those with items of theirs (only those items, "
            "with their figures)."
        ),
    )
    def get(self, request: Request) -> Response:
        principal = principal_of(request)
        return _page(request, _with_status(request, list_orders(principal=principal)), principal)


class OrderHistoryView(ShopView):
    """GET lists finished orders."""

    permission_classes = [IsSignedIn]

    @extend_schema(
        operation_id="orders_history",
        tags=["orders"],
        parameters=[_STATUS, *_PAGE],
        responses={200: OrderPageOutput},
        description="Delivered, cancelled and returned orders, newest first; whose, as in the list of orders.",
    )
    def get(self, request: Request) -> Response:
        principal = principal_of(request)
        return _page(request, _with_status(request, list_orders(principal=principal).finished()), principal)


class OrderView(ShopView):
    """One order: read it, move it, cancel it."""

    def get_permissions(self) -> list[Any]:
        return [IsSellerOrAdmin()] if self.request.method in {"PUT", "PATCH"} else [AllowAny()]

    @extend_schema(
        operation_id="orders_read",
        tags=["orders"],
        parameters=[_ORDER_TOKEN],
        responses={200: OrderOutput},
        description=(
            "For its owner, admins and sellers of an item. A seller sees own items with their figures and the shipping "
            "address, not the billing address. An order that is not yours is 404."
        ),
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        principal = known_principal_of(request)
        return _one(access_order_view(principal=principal, order_id=order_id), principal)

    @extend_schema(
        operation_id="orders_move",
        tags=["orders"],
        request=StatusInput,
        responses={200: OrderOutput},
        description=(
            "For admins, and for sellers where every item is theirs (else 403 order_has_other_sellers). Only along an "
            "allowed transition, else 409 invalid_transition with `from`, `to` and `allowed`; an order paid online is "
            "confirmed by its payment, never by hand. An order on hold is neither packed nor sent: 409 order_on_hold. "
            "With `status: shipped` the body may say how the parcel is tracked; until it is delivered the same fields, "
            "with or without that status, correct it. Only what is sent is changed, and the same again changes "
            "nothing. Tracking of an order that is not on its way: 409 order_not_on_its_way."
        ),
    )
    def patch(self, request: Request, order_id: uuid.UUID) -> Response:
        data = _checked(StatusInput(data=request.data))
        order = _move(order_id, data, actor=user_of(request))
        return _one(order, principal_of(request))

    @extend_schema(
        operation_id="orders_replace_status",
        tags=["orders"],
        request=StatusInput,
        responses={200: OrderOutput},
        description="The same as PATCH.",
    )
    def put(self, request: Request, order_id: uuid.UUID) -> Response:
        return self.patch(request, order_id)

    @extend_schema(
        operation_id="orders_delete",
        tags=["orders"],
        parameters=[_ORDER_TOKEN],
        responses={200: OrderOutput},
        description="Cancels the order (for its owner and admins), as POST …/cancel/ does. The order itself stays.",
    )
    def delete(self, request: Request, order_id: uuid.UUID) -> Response:
        return _cancel(request, order_id, reason="")


class CancelOrderView(ShopView):
    """POST cancels the order."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="orders_cancel",
        tags=["orders"],
        parameters=[_ORDER_TOKEN],
        request=CancelInput,
        responses={200: OrderOutput},
        description=(
            "For its owner and admins, until it is shipped: stock comes back, and what was paid is refunded. Else 409 "
            "invalid_transition."
        ),
    )
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        data = _checked(CancelInput(data=request.data or {}))
        return _cancel(request, order_id, reason=data["reason"])


def _move(order_id: uuid.UUID, data: dict[str, Any], *, actor: User | None) -> Order:
    tracking = Tracking(**{name: data.get(name) for name in TRACKING_FIELDS})
    if "status" not in data:
        return correct_tracking(order_id=order_id, tracking=tracking, actor=actor, now=clock.now())
    to, reason = OrderStatus(data["status"]), data["reason"]
    if to == OrderStatus.SHIPPED:
        return ship_order(order_id=order_id, tracking=tracking, actor=actor, reason=reason, now=clock.now())
    return move_order(order_id=order_id, to=to, actor=actor, reason=reason, now=clock.now())


def _cancel(request: Request, order_id: uuid.UUID, *, reason: str) -> Response:
    principal = known_principal_of(request)
    order = cancel_own_order(principal=principal, order_id=order_id, reason=reason, now=clock.now())
    return _one(order, principal)


def _one(order: Order, principal: OrderPrincipal) -> Response:
    return Response(shape_orders([order], principal=principal)[0])


def _page(request: Request, orders: OrderQuerySet, principal: OrderPrincipal) -> Response:
    return paginate(request, orders, shape_all=lambda page: shape_orders(page, principal=principal))


def _with_status(request: Request, orders: OrderQuerySet) -> OrderQuerySet:
    """Narrow the list by ?status=. Raises InvalidInput for a word that is no status."""
    status = request.GET.get("status")
    if status is None:
        return orders
    if status not in OrderStatus.values:
        expected = ", ".join(OrderStatus.values)
        raise InvalidInput(errors=(FieldError("status", "invalid_choice", f"One of {expected} is expected."),))
    return orders.filter(status=status)


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
