"""Input and output of the payments API, v2."""

from rest_framework import serializers

from apps.payments.api.serializers import PaymentOutput, ProcessInput
from core.api.fields import TextField


class CreateIntentInput(ProcessInput):
    """Which order is paid; by Stripe unless said otherwise."""

    provider = TextField(
        required=False, default="stripe", max_length=50, help_text="stripe (the default), or another the shop offers."
    )


class IntentOutput(PaymentOutput):
    """A payment with what a storefront needs to go on."""

    failure_code = serializers.CharField(allow_null=True, help_text="Why the last try was refused, if it was.")
    public_key = serializers.CharField(allow_null=True, help_text="The provider's publishable key, for its own page.")
