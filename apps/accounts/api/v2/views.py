"""One's own saved addresses."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors
from apps.accounts.api.permissions import IsSignedIn, signed_in_user
from apps.accounts.api.shared import read_input
from apps.accounts.api.v2.serializers import AddressInput, AddressOutput, AddressPage
from apps.accounts.models import Address
from apps.accounts.services import addresses
from core.api.pagination import paginate
from core.api.views import ShopView

INVALID = OpenApiResponse(description="Some fields are not valid; each is named.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token, or one that is no longer good.")
NOT_FOUND = OpenApiResponse(description="No such address, or somebody else's.")
FULL = OpenApiResponse(description=f"The account has {addresses.ADDRESSES_MAX} addresses already.")
PAGE = [OpenApiParameter("page", int), OpenApiParameter("page_size", int)]


class AddressesView(ShopView):
    """The list, and a new entry. A new default takes the place of the old one of its type."""

    permission_classes = [IsSignedIn]

    @extend_schema(
        operation_id="addresses_list",
        parameters=PAGE,
        responses={
            200: AddressPage,
            400: INVALID,
            401: NOT_SIGNED_IN,
            404: OpenApiResponse(description="No such page."),
        },
    )
    def get(self, request: Request) -> Response:
        return paginate(request, selectors.list_addresses(user=signed_in_user(request)), shape_address)

    @extend_schema(
        operation_id="addresses_create",
        request=AddressInput,
        responses={201: AddressOutput, 400: INVALID, 401: NOT_SIGNED_IN, 409: FULL},
    )
    def post(self, request: Request) -> Response:
        address = addresses.create_address(user=signed_in_user(request), data=read_input(AddressInput, request))
        location = f"{request.path}{address.pk}/"
        return Response(shape_address(address), status=201, headers={"Location": location})


class AddressView(ShopView):
    """One address. Somebody else's is not found."""

    permission_classes = [IsSignedIn]

    @extend_schema(operation_id="addresses_read", responses={200: AddressOutput, 401: NOT_SIGNED_IN, 404: NOT_FOUND})
    def get(self, request: Request, address_id: uuid.UUID) -> Response:
        return Response(shape_address(selectors.access_address(user=signed_in_user(request), address_id=address_id)))

    @extend_schema(
        operation_id="addresses_update",
        request=AddressInput(partial=True),
        responses={200: AddressOutput, 400: INVALID, 401: NOT_SIGNED_IN, 404: NOT_FOUND},
    )
    def patch(self, request: Request, address_id: uuid.UUID) -> Response:
        changes = read_input(AddressInput, request, partial=True)
        address = addresses.update_address(user=signed_in_user(request), address_id=address_id, data=changes)
        return Response(shape_address(address))

    @extend_schema(
        operation_id="addresses_delete",
        responses={204: OpenApiResponse(description="Forgotten."), 401: NOT_SIGNED_IN, 404: NOT_FOUND},
    )
    def delete(self, request: Request, address_id: uuid.UUID) -> Response:
        addresses.delete_address(user=signed_in_user(request), address_id=address_id)
        return Response(status=204)


def shape_address(address: Address) -> dict[str, Any]:
    """Return the contract's `address`."""
    return {
        "id": address.pk,
        "address_type": address.address_type,
        **selectors.address_snapshot(address),
        "is_default": address.is_default,
    }
