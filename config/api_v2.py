"""/api/v2/: the extended API, canonical. It grows with the issues; what stands here works."""

from django.urls import include, path

APPS = ("accounts", "shipping", "payments", "support", "invoices", "notifications", "webhooks")

urlpatterns = [
    *(path("", include(f"apps.{app}.api.v2.urls")) for app in APPS),
    path("", include("apps.payments.api.v2.refund_urls")),
]
