"""The routes of /api/v2/ alone: what its OpenAPI document is made from."""

from django.urls import include, path

urlpatterns = [path("api/v2/", include("config.api_v2"))]
