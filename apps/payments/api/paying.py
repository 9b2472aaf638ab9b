"""Paying over HTTP, for every version: from a request's body to a payment."""

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apps.orders.api.shared import known_principal_of
from apps.payments.api.shared import refuse_card_data, request_key_of
from apps.payments.models import Payment
from apps.payments.services.processing import PayCommand, start_payment
from apps.payments.services.wallet import resolve_method
from core import clock


def pay(request: Request, input_class: type[Serializer[None]]) -> Payment:
    """Start the payment that the request asks for, as start_payment does.

    Raises also CardDataRefused, and PaymentMethodNotFound for somebody else's saved method.
    """
    principal = known_principal_of(request)
    refuse_card_data(request.data)
    serializer = input_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    data = serializer.validated_data
    command = PayCommand(
        principal=principal,
        order_id=data["order_id"],
        provider=data["provider"],
        payment_method_id=resolve_method(
            user=principal.user, provider=data["provider"], given=data["payment_method_id"] or ""
        ),
        request_key=request_key_of(request),
    )
    return start_payment(command=command, now=clock.now())
