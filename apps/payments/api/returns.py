"""Where SSLCommerz sends a payer's browser when they have paid, failed or given up.

What the browser brings proves nothing: it is a cross-site form that anybody can post. It only says which payment to
ask about, and the payer goes on to the shop front, which asks how the payment stands.
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from apps.payments.gateways.sslcommerz_names import id_of
from apps.payments.models import Payment
from apps.payments.services.returns import note_return
from core import clock
from core.api.permissions import AllowAny
from core.api.views import ShopView

MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 100


class WhateverIsAccepted(BaseContentNegotiation):
    """A browser accepts pages; a problem document, should there be one, is sent all the same."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


@extend_schema(exclude=True)
class SslcommerzReturnView(ShopView):
    """GET and POST lead the payer on to the shop front. `outcome` says at which address they came back."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []
    content_negotiation_class = WhateverIsAccepted

    def get(self, request: Request, outcome: str) -> HttpResponse:
        return _lead_on(_tran_id(request.META.get("QUERY_STRING", "")), outcome)

    def post(self, request: Request, outcome: str) -> HttpResponse:
        return _lead_on(_tran_id(_read_body(request)), outcome)


def _lead_on(tran_id: str, outcome: str) -> HttpResponse:
    """Send the browser to the one configured place: nothing of the request can choose another."""
    attempt_id = id_of(tran_id)
    payment = note_return(provider="sslcommerz", payment_id=attempt_id, now=clock.now()) if attempt_id else None
    query = urlencode({**_ids_of(payment), "outcome": outcome})
    return HttpResponse(
        status=303, headers={"Location": f"{settings.STOREFRONT_URL.rstrip('/')}/checkout/return?{query}"}
    )


def _ids_of(payment: Payment | None) -> dict[str, str]:
    return {"payment": str(payment.pk), "order": str(payment.order_id)} if payment else {}


def _read_body(request: Request) -> str:
    """Return the form, "" for one that is larger than any the provider sends."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES or request.stream is None:
        return ""
    body: bytes = request.stream.read(MAX_BODY_BYTES)
    return body.decode("ascii", "replace")


def _tran_id(form: str) -> str:
    try:
        return dict(parse_qsl(form[:MAX_BODY_BYTES], max_num_fields=MAX_FIELDS)).get("tran_id", "")
    except ValueError:
        return ""
