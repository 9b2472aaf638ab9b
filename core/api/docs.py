"""The OpenAPI documents and their readers, from local assets."""

from functools import lru_cache
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.problems import problem_response
from core.errors import FieldError

VERSIONS = ("v1", "v2")


class SchemaView(SpectacularAPIView):
    """GET /api/schema/?version=v1|v2: one version's OpenAPI 3 document, YAML or JSON by the Accept header."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes: list[Any] = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        version = request.GET.get("version", VERSIONS[0])
        if version not in VERSIONS:
            errors = (FieldError("version", "invalid_choice", "v1 or v2 is expected."),)
            return problem_response(400, code="invalid", title="Invalid input", errors=errors)
        return Response(openapi_document(version))


class SwaggerView(SpectacularSwaggerView):
    """GET /api/docs/: Swagger UI, with a choice of the version."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes: list[Any] = []
    template_name = "core/swagger.html"


class RedocView(SpectacularRedocView):
    """GET /api/redoc/: ReDoc."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes: list[Any] = []
    template_name = "core/redoc.html"


@lru_cache
def openapi_document(version: str) -> dict[str, Any]:
    """Return the OpenAPI document of "v1" or "v2" as a dict; built once per process."""
    generator: Any = SchemaGenerator(urlconf=f"config.schema_{version}")  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(request=None, public=True)
    return document
