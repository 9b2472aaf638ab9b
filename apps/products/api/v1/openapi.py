"""What OpenAPI cannot read from the views: query parameters, headers, the two ways to send a product."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.products.api.filters import ORDERINGS
from apps.products.api.v1.serializers import ProductIn

PAGE = [
    OpenApiParameter("page", OpenApiTypes.INT, description="Counts from 1."),
    OpenApiParameter("page_size", OpenApiTypes.INT, description="20 by default, at most 100."),
]
FILTERS = [
    OpenApiParameter("category", OpenApiTypes.STR, description="Id or slug; what is below it counts too."),
    OpenApiParameter("min_price", OpenApiTypes.DECIMAL),
    OpenApiParameter("max_price", OpenApiTypes.DECIMAL),
    OpenApiParameter("in_stock", OpenApiTypes.BOOL),
    OpenApiParameter("search", OpenApiTypes.STR, description="Every word must occur; case and accents do not count."),
    OpenApiParameter("ordering", OpenApiTypes.STR, enum=list(ORDERINGS), description="-created_at by default."),
]
IF_MATCH = [
    OpenApiParameter(
        "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag read before; 412 when it is stale."
    )
]
PRODUCT_REQUEST: dict[str, Any] = {"application/json": ProductIn, "multipart/form-data": ProductIn}
