"""Payments over HTTP, v1: paying."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.payments.api.paying import pay
from apps.payments.api.serializers import PaymentOutput, ProcessInput
from apps.payments.api.shared import payment_location, shape_payment
from apps.payments.api.views import ORDER_TOKEN
from core.api.idempotency import idempotent
from core.api.permissions import AllowAny
from core.api.views import ShopView


class ProcessView(ShopView):
    """POST pays an order."""

    permission_classes = [AllowAny]
    throttle_scope = "checkout"

    @extend_schema(
        tags=["payments"],
        parameters=[ORDER_TOKEN],
        request=ProcessInput,
        responses={201: PaymentOutput},
        description=(
            "Pays the whole order by one provider. Look at `status`: succeeded, failed (pay again), "
            "processing or pending (it settles by itself), or requires_action (go on with `client_secret` or "
            "`redirect_url`, then verify). An order has one open attempt: a repeat returns it, another provider "
            "replaces it. 409: order_not_payable, payment_in_progress."
        ),
    )
    @idempotent(multi_step=True)  # type: ignore[untyped-decorator]
    def post(self, request: Request) -> Response:
        payment = pay(request, ProcessInput)
        return Response(shape_payment(payment), status=201, headers={"Location": payment_location(request, payment.pk)})
