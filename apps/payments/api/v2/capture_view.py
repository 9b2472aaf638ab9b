"""Taking authorised money over HTTP, v2."""

import uuid

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsAdmin, signed_in_user
from apps.payments.api.serializers import PaymentOutput
from apps.payments.api.shared import shape_payment
from apps.payments.services.capturing import capture_payment
from core import clock
from core.api.idempotency import idempotent
from core.api.views import ShopView


class CaptureView(ShopView):
    """POST takes the money of an authorised payment."""

    permission_classes = [IsAdmin]

    @extend_schema(
        tags=["payments"],
        operation_id="payments_capture",
        request=None,
        responses={
            200: PaymentOutput,
            401: OpenApiResponse(description="No access token, or one that is no longer good."),
            403: OpenApiResponse(description="For admins only."),
            404: OpenApiResponse(description="payment_not_found."),
            409: OpenApiResponse(description="payment_not_authorised, order_not_payable or provider_refused."),
        },
        description=(
            "For admins: takes the whole amount of a payment that the provider has authorised and holds "
            "(STRIPE_CAPTURE_METHOD=manual). Told again while nobody knows (503), it is taken once."
        ),
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]
    def post(self, request: Request, payment_id: uuid.UUID) -> Response:
        payment = capture_payment(payment_id=payment_id, actor=signed_in_user(request), now=clock.now())
        return Response(shape_payment(payment))
