"""The routes of /api/v1/ alone: what its OpenAPI document is made from."""

from django.urls import include, path

urlpatterns = [path("api/v1/", include("config.api_v1"))]
