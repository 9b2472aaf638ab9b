"""Input and output of refunds, v2."""

from typing import Any

from rest_framework import serializers

from apps.accounts.api.shared import StrictBooleanField
from apps.payments.services.refunding import REASON_LENGTH
from apps.payments.states import RefundCause, RefundState
from core.api.fields import AmountField, IdField, StrictIntegerField, TextField

LINES_MAX = 500
UNITS_MAX = 1_000_000


class RefundItemInput(serializers.Serializer[Any]):
    """Units of one line of the order."""

    item_id = IdField(help_text="The line's id, as the order shows it.")
    quantity = StrictIntegerField(min_value=1, max_value=UNITS_MAX)


class RefundInput(serializers.Serializer[Any]):
    """What goes back. Without amount, items and shipping: everything that is left."""

    amount = AmountField(
        required=False,
        allow_null=True,
        help_text="Alone: that much, for no goods. With items or shipping: instead of what these came to.",
    )
    items = serializers.ListField(
        child=RefundItemInput(), required=False, allow_null=True, allow_empty=False, max_length=LINES_MAX
    )
    shipping = StrictBooleanField(required=False, default=False, help_text="Also what sending cost, once. Admins only.")
    restock = StrictBooleanField(required=False, default=False, help_text="The items can be sold again.")
    reason = TextField(max_length=REASON_LENGTH, help_text="The customer reads it.")


class RefundLineOutput(serializers.Serializer[Any]):
    """Units of one line and their part of the money."""

    item_id = serializers.UUIDField()
    quantity = serializers.IntegerField()
    amount = serializers.CharField()


class RefundOutput(serializers.Serializer[Any]):
    """Money that goes back, or went."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    payment_id = serializers.UUIDField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=RefundState.choices)
    cause = serializers.ChoiceField(choices=RefundCause.choices)
    reason = serializers.CharField()
    lines = RefundLineOutput(many=True)
    shipping = serializers.BooleanField(help_text="What sending cost is part of it.")
    restocked = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    failure_code = serializers.CharField(allow_null=True)


class RefundPage(serializers.Serializer[Any]):
    """One page of refunds."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = RefundOutput(many=True)
