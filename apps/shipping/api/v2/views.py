"""Shipping over HTTP, v2."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.shipping.api.v2.serializers import MethodsQuery, ShippingMethodOutput, shape_method
from apps.shipping.rating import Rate, ShippingOption, find_cheapest_rate, find_rate
from apps.shipping.selectors import list_shipping_options
from core.api.permissions import AllowAny
from core.api.views import ShopView


class ShippingMethodsView(ShopView):
    """GET shipping/methods/: how a parcel can be sent to a country, by position."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="shipping_methods_list",
        parameters=[MethodsQuery],
        responses=ShippingMethodOutput(many=True),
        tags=["shipping"],
    )
    def get(self, request: Request) -> Response:
        query = MethodsQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        country, weight_grams = query.validated_data["country"], query.validated_data["weight_grams"]
        options = list_shipping_options(country=country)
        rated = [(option, _rate(option, country, weight_grams)) for option in options]
        return Response([shape_method(option, rate) for option, rate in rated if rate is not None])


def _rate(option: ShippingOption, country: str, weight_grams: int | None) -> Rate | None:
    if weight_grams is None:
        return find_cheapest_rate(option, country=country)
    return find_rate(option, country=country, weight_grams=weight_grams)
