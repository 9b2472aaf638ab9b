"""Webhook endpoints over HTTP, v2, for admins."""

import uuid
from collections.abc import Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsAdmin
from apps.accounts.api.shared import read_input
from apps.products.api.preconditions import if_match
from apps.webhooks.api.v2.serializers import (
    DeliveriesQuery,
    DeliveryPage,
    EndpointChangesInput,
    EndpointInput,
    EndpointOutput,
    EndpointPage,
    EndpointWithSecretOutput,
    QueuedOutput,
    RedeliverInput,
)
from apps.webhooks.api.v2.shapes import shape_delivery, shape_endpoint
from apps.webhooks.selectors import find_endpoint, list_deliveries, list_endpoints
from apps.webhooks.services.endpoints import (
    EndpointChanges,
    create_endpoint,
    delete_endpoint,
    request_ping,
    rotate_secret,
    update_endpoint,
)
from apps.webhooks.services.queueing import redeliver_event, redeliver_range
from core import clock
from core.api.idempotency import idempotent
from core.api.pagination import paginate
from core.api.views import ShopView

_PAGE = [OpenApiParameter(name, OpenApiTypes.INT) for name in ("page", "page_size")]
_IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag read before; 412 when it is stale."
)
INVALID = OpenApiResponse(description="Some fields are not valid; each is named.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token, or one that is no longer good.")
NOT_ADMIN = OpenApiResponse(description="For admins only.")
NOT_FOUND = OpenApiResponse(description="webhook_endpoint_not_found.")
FULL = OpenApiResponse(description="too_many_webhook_endpoints, with `limit`.")
INACTIVE = OpenApiResponse(description="webhook_endpoint_inactive: switch it on first.")
REFUSALS = {401: NOT_SIGNED_IN, 403: NOT_ADMIN, 404: NOT_FOUND}
ONCE = "The answer holds the secret, which is never shown again."


class EndpointsView(ShopView):
    """All endpoints."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="webhook_endpoints_list",
        tags=["webhooks"],
        parameters=_PAGE,
        responses={200: EndpointPage, 401: NOT_SIGNED_IN, 403: NOT_ADMIN},
    )
    def get(self, request: Request) -> Response:
        return paginate(request, list_endpoints(), shape_endpoint)

    @extend_schema(
        operation_id="webhook_endpoints_create",
        tags=["webhooks"],
        request=EndpointInput,
        responses={201: EndpointWithSecretOutput, 400: INVALID, 401: NOT_SIGNED_IN, 403: NOT_ADMIN, 409: FULL},
        description=f"Events from now on are sent there. {ONCE}",
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]  # a name is resolved: not in a transaction
    def post(self, request: Request) -> Response:
        endpoint, secret = create_endpoint(**read_input(EndpointInput, request))
        return Response({**shape_endpoint(endpoint), "secret": secret}, status=201)


class EndpointView(ShopView):
    """One endpoint."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="webhook_endpoints_read", tags=["webhooks"], responses={200: EndpointOutput, **REFUSALS}
    )
    def get(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        return Response(shape_endpoint(find_endpoint(endpoint_id)))

    @extend_schema(
        operation_id="webhook_endpoints_update",
        tags=["webhooks"],
        parameters=[_IF_MATCH],
        request=EndpointChangesInput,
        responses={200: EndpointOutput, 400: INVALID, **REFUSALS},
        description="Switching it on again gives it a clean record, and sends what is pending at once.",
    )
    def patch(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        endpoint = update_endpoint(
            endpoint_id=endpoint_id,
            changes=EndpointChanges(**read_input(EndpointChangesInput, request)),
            precondition=if_match(request, lambda: _present(endpoint_id)),
        )
        return Response(shape_endpoint(endpoint))

    @extend_schema(operation_id="webhook_endpoints_delete", tags=["webhooks"], responses={204: None, **REFUSALS})
    def delete(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        delete_endpoint(endpoint_id=endpoint_id)
        return Response(status=204)


class RotateSecretView(ShopView):
    """A new secret."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="webhook_endpoints_rotate_secret",
        tags=["webhooks"],
        request=None,
        responses={200: EndpointWithSecretOutput, **REFUSALS},
        description=f"For 24 hours both secrets sign: replace yours within them. {ONCE}",
    )
    @idempotent
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        endpoint, secret = rotate_secret(endpoint_id=endpoint_id, now=clock.now())
        return Response({**shape_endpoint(endpoint), "secret": secret})


class PingView(ShopView):
    """A try of the whole way."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="webhook_endpoints_test",
        tags=["webhooks"],
        request=None,
        responses={202: QueuedOutput, **REFUSALS, 409: INACTIVE},
        description="Sends the event webhooks.ping to this endpoint alone; the deliveries show how it went.",
    )
    @idempotent
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        request_ping(endpoint_id=endpoint_id)
        return Response({"queued": 1}, status=202)


class DeliveriesView(ShopView):
    """The log of an endpoint."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="webhook_endpoints_deliveries",
        tags=["webhooks"],
        parameters=[DeliveriesQuery, *_PAGE],
        responses={200: DeliveryPage, 400: INVALID, **REFUSALS},
        description="What the endpoint was sent and is owed, newest first, with every try.",
    )
    def get(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        wanted = DeliveriesQuery(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        endpoint = find_endpoint(endpoint_id)
        return paginate(request, list_deliveries(endpoint_id=endpoint.pk, **wanted.validated_data), shape_delivery)


class RedeliverView(ShopView):
    """Sending again."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="webhook_endpoints_redeliver",
        tags=["webhooks"],
        request=RedeliverInput,
        responses={
            202: QueuedOutput,
            400: INVALID,
            **REFUSALS,
            409: INACTIVE,
            422: OpenApiResponse(description="too_many_events, with `limit`: nothing is sent, ask for less."),
        },
        description="One event by its id, or those chosen that happened in a range of time. Their ids stay the same.",
    )
    @idempotent
    def post(self, request: Request, endpoint_id: uuid.UUID) -> Response:
        wanted: dict[str, Any] = read_input(RedeliverInput, request)
        redeliver = redeliver_event if "event_id" in wanted else redeliver_range
        return Response({"queued": redeliver(endpoint_id=endpoint_id, now=clock.now(), **wanted)}, status=202)


def _present(endpoint_id: uuid.UUID) -> Iterator[dict[str, Any]]:
    yield shape_endpoint(find_endpoint(endpoint_id))
