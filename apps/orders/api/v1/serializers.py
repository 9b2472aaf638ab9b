"""What the v1 orders API takes in, and what its OpenAPI document says it gives out."""

from typing import Any

from rest_framework import serializers

from apps.orders.api.addresses import AddressField, AddressInput
from apps.orders.states import OrderStatus, PaymentMethod, PaymentStatus
from core.api.fields import AmountField, TextField

NOTES_LENGTH = 2000


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
    """Where the order shall go."""

    status = serializers.ChoiceField(choices=OrderStatus.choices)
    reason = TextField(max_length=200, required=False, allow_blank=True, default="")


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


class PlacedOrderOutput(OrderOutput):
    """A new order; a guest's comes with its token, shown once."""

    order_token = serializers.CharField(required=False)


class OrderPageOutput(serializers.Serializer[Any]):
    """A page of orders."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OrderOutput(many=True)
