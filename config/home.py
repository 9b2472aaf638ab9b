"""The pages a shop without a shop front shows: where everything is, and what stands in for a checkout's end."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.api.plain_views import read_only

PAGES = (
    ("/api/docs/", "API documentation", "Swagger UI: read it, try it"),
    ("/api/redoc/", "API reference", "ReDoc: the same, to read"),
    ("/api/v1/products/", "Products", "the catalogue as JSON"),
    ("/api/v1/categories/", "Categories", "the tree as JSON"),
    ("/admin/", "Back office", "products, stock, orders, payments"),
    ("/api/health_check/", "Health", "the state of each part"),
    ("/metrics", "Metrics", "for Prometheus"),
)


LOCAL_PAGES = (("/dev/mails/", "Mails", "every mail in every language, with made-up data"),)


@read_only
def home(request: HttpRequest) -> HttpResponse:
    """A small page with the addresses a newcomer needs."""
    demo = settings.ENVIRONMENT == "local"
    pages = PAGES + (LOCAL_PAGES if demo else ())
    context = {"shop_name": settings.SHOP_NAME, "pages": pages, "demo": demo, "live_url": settings.LIVE_URL}
    return render(request, "home.html", context)


_SAID = {"success": "It was paid.", "fail": "It was not paid.", "cancel": "The payer went back without paying."}


@read_only
def checkout_return(request: HttpRequest) -> HttpResponse:
    """Where a payment page sends the browser back to while STOREFRONT_URL is the shop itself."""
    said = _SAID.get(request.GET.get("outcome", ""), "The payer is back.")
    context = {"shop_name": settings.SHOP_NAME, "said": said, "payment": _uuid_in(request.GET.get("payment", ""))}
    return render(request, "checkout_return.html", context)


def _uuid_in(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
