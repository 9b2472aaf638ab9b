"""/api/v1/: the basic API. Small and frozen."""

from django.urls import include, path

APPS = ("accounts", "products", "cart", "orders", "payments", "invoices")

urlpatterns = [path("", include(f"apps.{app}.api.v1.urls")) for app in APPS]
