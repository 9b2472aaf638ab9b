"""Escalations over HTTP, v2: an order's for its owner, all of them for admins."""

import uuid
from collections.abc import Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsAdmin, signed_in_user
from apps.accounts.api.shared import read_input
from apps.orders.api.shared import ORDER_TOKEN_HEADER, known_principal_of
from apps.orders.selectors import access_order
from apps.products.api.preconditions import if_match
from apps.support.api.v2.serializers import (
    ComplaintInput,
    EscalationDetailOutput,
    EscalationInput,
    EscalationPage,
    EscalationsQuery,
    OrderEscalationOutput,
    OrderEscalationPage,
)
from apps.support.api.v2.shapes import shape_for_admin, shape_for_owner, shape_with_history
from apps.support.selectors import find_escalation, list_escalations, list_escalations_of_order
from apps.support.services.complaints import OPEN_COMPLAINTS_MAX, open_complaint
from apps.support.services.escalations import EscalationChanges, update_escalation
from apps.support.states import EscalationStatus
from core import clock
from core.api.idempotency import idempotent
from core.api.pagination import paginate
from core.api.permissions import AllowAny
from core.api.views import ShopView

_PAGE = [OpenApiParameter(name, OpenApiTypes.INT) for name in ("page", "page_size")]
_ORDER_TOKEN = OpenApiParameter(
    ORDER_TOKEN_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, description="A guest's key to their order."
)
_IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag read before; 412 when it is stale."
)
INVALID = OpenApiResponse(description="Some fields are not valid; each is named.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token and no order token, or one that is no longer good.")
NO_ORDER = OpenApiResponse(description="order_not_found: no such order, or not yours.")
FULL = OpenApiResponse(description=f"too_many_complaints: {OPEN_COMPLAINTS_MAX} wait for an answer already.")
NOT_ADMIN = OpenApiResponse(description="For admins only.")
NOT_FOUND = OpenApiResponse(description="escalation_not_found.")
NO_WAY = OpenApiResponse(description="invalid_escalation_transition, with `from`, `to` and `allowed`.")


class OrderEscalationsView(ShopView):
    """What a person must decide about one order."""

    permission_classes: list[type[BasePermission]] = [AllowAny]

    @property
    def throttle_scope(self) -> str:  # type: ignore[override]
        """Complaints are as rare as checkouts; reading them is not."""
        return "checkout" if self.request.method == "POST" else "default"

    @extend_schema(
        operation_id="order_escalations_list",
        tags=["escalations"],
        parameters=[_ORDER_TOKEN, *_PAGE],
        responses={200: OrderEscalationPage, 401: NOT_SIGNED_IN, 404: NO_ORDER},
        description="Newest first, for the order's owner and admins.",
    )
    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        principal = known_principal_of(request)
        order = access_order(principal=principal, order_id=order_id)
        return paginate(request, list_escalations_of_order(principal=principal, order=order), shape_for_owner)

    @extend_schema(
        operation_id="order_escalations_create",
        tags=["escalations"],
        parameters=[_ORDER_TOKEN],
        request=ComplaintInput,
        responses={201: OrderEscalationOutput, 400: INVALID, 401: NOT_SIGNED_IN, 404: NO_ORDER, 409: FULL},
        description="The order's owner (or an admin for them) complains; the kind is always complaint.",
    )
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        principal = known_principal_of(request)
        words = read_input(ComplaintInput, request)
        complaint = open_complaint(principal=principal, order_id=order_id, now=clock.now(), **words)
        return Response(shape_for_owner(complaint), status=201)


class EscalationsView(ShopView):
    """All escalations, for admins."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="escalations_list",
        tags=["escalations"],
        parameters=[EscalationsQuery, *_PAGE],
        responses={200: EscalationPage, 400: INVALID, 401: NOT_SIGNED_IN, 403: NOT_ADMIN},
    )
    def get(self, request: Request) -> Response:
        wanted = EscalationsQuery(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        query: dict[str, Any] = dict(wanted.validated_data)
        rows = list_escalations(order_id=query.pop("order", None), **query)
        return paginate(request, rows, shape_for_admin)


class EscalationView(ShopView):
    """One escalation with its history, for admins."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="escalations_read",
        tags=["escalations"],
        responses={200: EscalationDetailOutput, 401: NOT_SIGNED_IN, 403: NOT_ADMIN, 404: NOT_FOUND},
    )
    def get(self, request: Request, escalation_id: uuid.UUID) -> Response:
        return _one(escalation_id)

    @extend_schema(
        operation_id="escalations_update",
        tags=["escalations"],
        parameters=[_IF_MATCH],
        request=EscalationInput,
        responses={
            200: EscalationDetailOutput,
            400: INVALID,
            401: NOT_SIGNED_IN,
            403: NOT_ADMIN,
            404: NOT_FOUND,
            409: NO_WAY,
        },
        description=(
            "Moves, assigns and notes; each leaves a line in `notes`. Resolving takes a `resolution` and lets an order "
            "go that nothing else holds. A resolved one is reopened by status in_progress."
        ),
    )
    def patch(self, request: Request, escalation_id: uuid.UUID) -> Response:
        update_escalation(
            escalation_id=escalation_id,
            changes=_changes(read_input(EscalationInput, request)),
            actor=signed_in_user(request),
            now=clock.now(),
            precondition=if_match(request, lambda: _present(escalation_id)),
        )
        return _one(escalation_id)


def _one(escalation_id: uuid.UUID) -> Response:
    return Response(shape_with_history(find_escalation(escalation_id)))


def _present(escalation_id: uuid.UUID) -> Iterator[dict[str, Any]]:
    yield shape_with_history(find_escalation(escalation_id))


def _changes(data: dict[str, Any]) -> EscalationChanges:
    return EscalationChanges(
        status=EscalationStatus(data["status"]) if "status" in data else None,
        resolution=data.get("resolution", ""),
        note=data.get("note", ""),
        is_assigned="assigned_to" in data,
        assigned_to=data.get("assigned_to"),
    )
