"""What the v1 orders API takes in, and what its OpenAPI document says it gives out."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from apps.orders.api.addresses import AddressField, AddressInput
from apps.orders.states import OrderStatus, PaymentMethod, PaymentStatus
from apps.orders.tracking import (
    CARRIER_LENGTH,
    NUMBER_LENGTH,
    TRACKING_FIELDS,
    URL_LENGTH,
    require_one_line,
    require_web_address,
)
from core.api.fields import AmountField, TextField

NOTES_LENGTH = 2000
_ONLY_WHEN_SHIPPED = "Tracking is told with the status shipped, or without a status."


def _tracking_text(max_length: int, check: Callable[[str], None], help_text: str) -> TextField:
    return TextField(max_length=max_length, required=False, allow_blank=True, validators=[check], help_text=help_text)


class CheckoutInput(serializers.Serializer[Any]):
    """The body of a checkout. Prices and totals are the server's; what else is sent changes nothing."""

    shipping_address = AddressField()
    billing_address = AddressField(required=False, allow_null=True, default=None)
    shipping_method = TextField(max_length=50, required=False, allow_null=True, allow_blank=True, default=None)
    payment_method = TextField(
        max_length=12, required=False, default=PaymentMethod.COD, help_text="cod, or another this shop offers."
    )
    notes = TextField(max_length=NOTES_LENGTH, required=False, allow_blank=True, default="")
    expected_total = AmountField(
        required=False, allow_null=True, default=None, help_text="Refuse (409 total_changed) any other total."
    )
    email = serializers.EmailField(
        max_length=254, required=False, allow_blank=True, default="", help_text="Required of guests."
    )


class StatusInput(serializers.Serializer[Any]):
    """Where the order shall go, and how its parcel is tracked; without a status, the tracking of a shipped order.

    Tracking beside another status than shipped contradicts itself; blanks say nothing there.
    """

    status = serializers.ChoiceField(
        choices=OrderStatus.choices, required=False, help_text="May be left out to correct the tracking."
    )
    reason = TextField(max_length=200, required=False, allow_blank=True, default="")
    carrier = _tracking_text(CARRIER_LENGTH, require_one_line, "Who brings the parcel.")
    tracking_number = _tracking_text(NUMBER_LENGTH, require_one_line, "The carrier's number of the parcel.")
    tracking_url = _tracking_text(URL_LENGTH, require_web_address, "Where to follow it: http:// or https://.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require a status or tracking, and refuse tracking beside a status where it has no meaning."""
        if "status" not in attrs and not any(name in attrs for name in TRACKING_FIELDS):
            self.fields["status"].fail("required")
        if attrs.get("status", OrderStatus.SHIPPED) != OrderStatus.SHIPPED:
            refused = {name: _ONLY_WHEN_SHIPPED for name in TRACKING_FIELDS if attrs.get(name)}
            if refused:
                raise serializers.ValidationError(refused, code="only_when_shipped")
        return attrs


class CancelInput(serializers.Serializer[Any]):
    """Why; may be left out."""

    reason = TextField(max_length=200, required=False, allow_blank=True, default="")


class OrderItemOutput(serializers.Serializer[Any]):
    """One line, frozen at checkout."""

    id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    variant_id = serializers.UUIDField()
    name = serializers.CharField()
    sku = serializers.CharField(allow_null=True)
    quantity = serializers.IntegerField()
    unit_price = AmountField()
    total = AmountField()


class OrderOutput(serializers.Serializer[Any]):
    """An order."""

    id = serializers.UUIDField()
    order_number = serializers.CharField()
    status = serializers.ChoiceField(choices=OrderStatus.choices)
    payment_status = serializers.ChoiceField(choices=PaymentStatus.choices)
    payment_method = serializers.ChoiceField(choices=PaymentMethod.choices)
    items = OrderItemOutput(many=True)
    subtotal = AmountField()
    discount_amount = AmountField()
    tax_amount = AmountField()
    shipping_cost = AmountField()
    total_price = AmountField()
    currency = serializers.CharField()
    shipping_address = AddressInput()
    billing_address = AddressInput(allow_null=True, help_text="Not shown to sellers.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    carrier = serializers.CharField(help_text="Who brings the parcel; empty where it is not known.")
    tracking_number = serializers.CharField(help_text="The carrier's number of the parcel, or empty.")
    tracking_url = serializers.CharField(help_text="Where to follow the parcel, or empty.")


class PlacedOrderOutput(OrderOutput):
    """A new order; a guest's comes with its token, shown once."""

    order_token = serializers.CharField(required=False)


class OrderPageOutput(serializers.Serializer[Any]):
    """A page of orders."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OrderOutput(many=True)
