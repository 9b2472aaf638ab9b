"""What every version of the payments API answers alike: one payment, the question to its provider, and webhooks."""

import uuid

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from apps.orders.api.shared import ORDER_TOKEN_HEADER, known_principal_of
from apps.payments.api.serializers import PaymentOutput, WebhookOutput
from apps.payments.api.shared import shape_payment
from apps.payments.selectors import access_payment
from apps.payments.services.inquiries import verify_payment
from apps.payments.services.webhooks import choose_sender, receive
from core import clock
from core.api.errors import BodyTooLarge
from core.api.permissions import AllowAny
from core.api.views import ShopView

ORDER_TOKEN = OpenApiParameter(
    ORDER_TOKEN_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, description="A guest's key to their order."
)


class PaymentView(ShopView):
    """GET reads one payment."""

    permission_classes = [AllowAny]

    @extend_schema(
        tags=["payments"],
        parameters=[ORDER_TOKEN],
        responses={200: PaymentOutput},
        description="For the order's owner and admins. A payment that is not yours is 404.",
    )
    def get(self, request: Request, payment_id: uuid.UUID) -> Response:
        payment = access_payment(principal=known_principal_of(request), payment_id=payment_id)
        return Response(shape_payment(payment))


class VerifyView(ShopView):
    """POST asks the provider."""

    permission_classes = [AllowAny]

    @extend_schema(
        tags=["payments"],
        parameters=[ORDER_TOKEN],
        request=None,
        responses={200: PaymentOutput},
        description="Asks the provider what has become of an open payment and applies what it says.",
    )
    def post(self, request: Request, payment_id: uuid.UUID) -> Response:
        principal = known_principal_of(request)
        return Response(shape_payment(verify_payment(principal=principal, payment_id=payment_id, now=clock.now())))


class WebhookView(ShopView):
    """POST takes a provider's message. The raw bytes are what is signed: no parser may touch them first."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []
    throttle_scope = "webhook"

    @extend_schema(
        tags=["payments"],
        request={"application/json": OpenApiTypes.OBJECT},
        responses={200: WebhookOutput},
        description=(
            "For payment providers. The signature over the raw body is checked: 200 once the message is stored, 400 "
            "when it proves nothing."
        ),
    )
    def post(self, request: Request, provider: str) -> Response:
        return _receive(request, provider)


class AnyWebhookView(WebhookView):
    """The same for a message whose provider is told by its signature's header alone."""

    @extend_schema(
        tags=["payments"],
        operation_id="payments_any_webhook_create",
        request={"application/json": OpenApiTypes.OBJECT},
        responses={200: WebhookOutput},
        description="As payments/webhook/{provider}/; the header of the signature tells which provider it is.",
    )
    def post(self, request: Request) -> Response:  # type: ignore[override]
        return _receive(request, choose_sender(request.headers))


def _receive(request: Request, provider: str) -> Response:
    body = _raw_body(request)
    state = receive(provider=provider, body=body, headers=request.headers, now=clock.now())
    return Response({"status": state.value})


def _raw_body(request: Request) -> bytes:
    limit = settings.API_BODY_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()) or int(length) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.")
    body: bytes = request.stream.read(limit) if request.stream else b""
    return body
