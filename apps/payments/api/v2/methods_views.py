"""Saved payment methods over HTTP: for accounts, each its own."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsSignedIn, signed_in_user
from apps.accounts.api.shared import read_input
from apps.payments.api.shared import public_key_of, refuse_card_data, request_key_of
from apps.payments.api.v2.methods_serializers import (
    PaymentMethodInput,
    PaymentMethodOutput,
    PaymentMethodPage,
    SetupInput,
    SetupOutput,
)
from apps.payments.models import PaymentMethod
from apps.payments.selectors import list_payment_methods
from apps.payments.services import wallet
from core.api.idempotency import idempotent
from core.api.pagination import paginate
from core.api.views import ShopView

PAGE = [OpenApiParameter("page", int), OpenApiParameter("page_size", int)]
INVALID = OpenApiResponse(description="provider_not_offered, provider_keeps_no_methods, card_data_refused, or a field.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token, or one that is no longer good.")
NOT_FOUND = OpenApiResponse(description="payment_method_not_found: no such method, or somebody else's.")
REFUSED = OpenApiResponse(
    description=f"provider_refused, or too_many_payment_methods: {wallet.METHODS_MAX} are saved already."
)
AWAY = OpenApiResponse(description="provider_unavailable: nothing was saved or forgotten; try again.")


class _MethodsView(ShopView):
    """Base: for accounts only. Writing is as rare as a checkout; reading is not."""

    permission_classes: list[type[BasePermission]] = [IsSignedIn]

    @property
    def throttle_scope(self) -> str:  # type: ignore[override]
        return "default" if self.request.method in {"GET", "HEAD", "OPTIONS"} else "checkout"


class PaymentMethodsView(_MethodsView):
    """The list, and a new entry."""

    @extend_schema(
        operation_id="payment_methods_list",
        tags=["payment methods"],
        parameters=PAGE,
        responses={200: PaymentMethodPage, 401: NOT_SIGNED_IN},
        description="The default first, then the newest.",
    )
    def get(self, request: Request) -> Response:
        return paginate(request, list_payment_methods(user=signed_in_user(request)), shape_method)

    @extend_schema(
        operation_id="payment_methods_create",
        tags=["payment methods"],
        request=PaymentMethodInput,
        responses={
            201: PaymentMethodOutput,
            400: INVALID,
            401: NOT_SIGNED_IN,
            404: NOT_FOUND,
            409: REFUSED,
            503: AWAY,
        },
        description=(
            "Saves a method that was given to the provider's own page (see setup). The first one is the default. A "
            "method that is saved already stays as it is."
        ),
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]
    def post(self, request: Request) -> Response:
        refuse_card_data(request.data)
        data = read_input(PaymentMethodInput, request)
        method = wallet.save_method(
            user=signed_in_user(request),
            provider=data["provider"],
            token=data["payment_method_id"],
            is_default=data["is_default"],
        )
        return Response(shape_method(method), status=201)


class SetupView(_MethodsView):
    """POST begins to save a method."""

    @extend_schema(
        operation_id="payment_methods_setup",
        tags=["payment methods"],
        request=SetupInput,
        responses={201: SetupOutput, 400: INVALID, 401: NOT_SIGNED_IN, 409: REFUSED, 503: AWAY},
        description=(
            "Lets the provider's own page take a method, to be confirmed there with `client_secret`. It is in the list "
            "when the provider has told so, or at once by a POST of what that page returned."
        ),
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]
    def post(self, request: Request) -> Response:
        refuse_card_data(request.data)
        provider = read_input(SetupInput, request)["provider"]
        setup = wallet.open_setup(user=signed_in_user(request), provider=provider, request_key=request_key_of(request))
        shape = {
            "provider": provider,
            "setup_id": setup.reference,
            "client_secret": setup.client_secret,
            "public_key": public_key_of(provider),
        }
        return Response(shape, status=201)


class PaymentMethodView(_MethodsView):
    """DELETE forgets a method."""

    @extend_schema(
        operation_id="payment_methods_delete",
        tags=["payment methods"],
        responses={
            204: OpenApiResponse(description="Forgotten, by the provider and here."),
            401: NOT_SIGNED_IN,
            404: NOT_FOUND,
            409: REFUSED,
            503: AWAY,
        },
        description="The newest other method takes the place of a default that goes.",
    )
    def delete(self, request: Request, method_id: uuid.UUID) -> Response:
        wallet.delete_method(user=signed_in_user(request), method_id=method_id)
        return Response(status=204)


class DefaultMethodView(_MethodsView):
    """POST chooses the default."""

    @extend_schema(
        operation_id="payment_methods_set_default",
        tags=["payment methods"],
        request=None,
        responses={200: PaymentMethodOutput, 401: NOT_SIGNED_IN, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, method_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        return Response(shape_method(wallet.set_default(user=signed_in_user(request), method_id=method_id)))


def shape_method(method: PaymentMethod) -> dict[str, Any]:
    """Return the method as its owner sees it. What the provider knows it by stays here."""
    return {
        "id": method.pk,
        "provider": method.provider,
        "kind": method.kind,
        "brand": method.brand or None,
        "last4": method.last4 or None,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "is_default": method.is_default,
        "created_at": method.created_at,
    }
