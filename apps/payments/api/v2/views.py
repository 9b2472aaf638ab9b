"""Payments over HTTP, v2: paying."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.payments.api.paying import pay
from apps.payments.api.shared import payment_location, public_key_of, shape_payment
from apps.payments.api.v2.serializers import CreateIntentInput, IntentOutput
from apps.payments.api.views import ORDER_TOKEN
from core.api.idempotency import idempotent
from core.api.permissions import AllowAny
from core.api.views import ShopView


class CreateIntentView(ShopView):
    """POST begins to pay an order."""

    permission_classes = [AllowAny]
    throttle_scope = "checkout"

    @extend_schema(
        tags=["payments"],
        parameters=[ORDER_TOKEN],
        request=CreateIntentInput,
        responses={201: IntentOutput},
        description=(
            "Begins to pay the whole order. With Stripe: confirm `client_secret` with Stripe's own form and "
            "`public_key`; with SSLCommerz: send the payer to `redirect_url`; with a saved `payment_method_id` it is "
            "charged at once. Money is here when `status` says succeeded, by webhook or after verify. An order has "
            "one open attempt: a repeat returns it. 409: order_not_payable, payment_in_progress."
        ),
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]
    def post(self, request: Request) -> Response:
        payment = pay(request, CreateIntentInput)
        shape = {
            **shape_payment(payment),
            "failure_code": payment.failure_code or None,
            "public_key": public_key_of(payment.provider),
        }
        return Response(shape, status=201, headers={"Location": payment_location(request, payment.pk)})
