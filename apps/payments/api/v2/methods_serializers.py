"""What saved payment methods take and give under /api/v2/."""

from typing import Any

from rest_framework import serializers

from apps.accounts.api.shared import StrictBooleanField
from apps.payments.models import PaymentMethod
from core.api.fields import TextField


class SetupInput(serializers.Serializer[Any]):
    """With which provider a method is to be saved."""

    provider = TextField(
        required=False,
        default="stripe",
        max_length=50,
        help_text="stripe (the default), or another that saves methods.",
    )


class PaymentMethodInput(SetupInput):
    """A method that the payer has given to the provider's own page."""

    payment_method_id = TextField(max_length=100, help_text="The provider's name of it, never a card number.")
    is_default = StrictBooleanField(required=False, default=False)


class SetupOutput(serializers.Serializer[Any]):
    """What the provider's own page needs to take a new method."""

    provider = serializers.CharField()
    setup_id = serializers.CharField()
    client_secret = serializers.CharField()
    public_key = serializers.CharField(allow_null=True, help_text="The provider's publishable key, for its own page.")


class PaymentMethodOutput(serializers.Serializer[PaymentMethod]):
    """A saved method: what its owner recognises it by."""

    id = serializers.UUIDField()
    provider = serializers.CharField()
    kind = serializers.CharField(help_text="The provider's word: card, us_bank_account …")
    brand = serializers.CharField(allow_null=True)
    last4 = serializers.CharField(allow_null=True)
    exp_month = serializers.IntegerField(allow_null=True)
    exp_year = serializers.IntegerField(allow_null=True)
    is_default = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class PaymentMethodPage(serializers.Serializer[Any]):
    """One page of saved methods."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = PaymentMethodOutput(many=True)
