"""Input and output of the payments API that its versions share."""

from rest_framework import serializers

from apps.payments.states import PaymentState
from core.api.fields import IdField, TextField


class ProcessInput(serializers.Serializer[None]):
    """Which order is paid, and how."""

    order_id = IdField()
    provider = TextField(max_length=50, help_text="stripe, sslcommerz, simulated or cod, if the shop offers it.")
    payment_method_id = TextField(
        required=False,
        allow_blank=True,
        allow_null=True,
        default="",
        max_length=100,
        help_text="The id of a saved payment method or the provider's name of one, never a card number.",
    )


class PaymentOutput(serializers.Serializer[None]):
    """One attempt to pay an order."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    provider = serializers.CharField()
    status = serializers.ChoiceField(choices=PaymentState.choices)
    amount = serializers.CharField()
    currency = serializers.CharField()
    transaction_id = serializers.CharField(allow_null=True)
    client_secret = serializers.CharField(allow_null=True, help_text="To go on at the provider, while open.")
    redirect_url = serializers.CharField(allow_null=True, help_text="Where to send the payer, while open.")
    created_at = serializers.DateTimeField()


class WebhookOutput(serializers.Serializer[None]):
    """What became of a provider's message."""

    status = serializers.CharField(help_text="processed (also for a repeat), received, ignored or quarantined.")
