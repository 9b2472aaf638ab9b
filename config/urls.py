"""Every address of the shop."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.static import serve

from config.home import checkout_return, home
from core.api.docs import RedocView, SchemaView, SwaggerView
from core.api.health import alive, health_check, ready
from core.api.metrics import metrics
from core.api.problem_pages import problem_page
from core.api.problems import not_found_view

handler400 = "core.api.problems.bad_request"
handler403 = "core.api.problems.permission_denied"
handler404 = "core.api.problems.not_found"
handler500 = "core.api.problems.server_error"

urlpatterns = [
    path("", home, name="home"),
    path("checkout/return", checkout_return),
    path("healthz", alive),
    path("readyz", ready),
    path("metrics", metrics),
    path("api/health_check", health_check),
    path("api/health_check/", health_check),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", SwaggerView.as_view(), name="docs"),
    path("api/docs/redoc/", RedocView.as_view()),
    path("api/redoc/", RedocView.as_view(), name="redoc"),
    path("api/v1/", include("config.api_v1")),
    path("api/v2/", include("config.api_v2")),
    path("api/", include("config.api_compat")),
    re_path(r"^api/.*$", not_found_view),
    path("problems/<slug:slug>/", problem_page),
    path("dev/mails/", include("apps.notifications.api.preview_urls")),
    path("admin/", admin.site.urls),
]
if settings.STORAGES["default"]["BACKEND"] == "django.core.files.storage.FileSystemStorage":
    # Local pictures. In production a web server or an object store answers for them (docs/deploy).
    urlpatterns.append(re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}))
