"""What the cart takes in and gives out."""

from django.conf import settings
from rest_framework import serializers

from core.api.fields import IdField, StrictIntegerField


class AddItemInput(serializers.Serializer[None]):
    """A product (its first variant on sale) or one of its variants, and how many more of it."""

    product_id = IdField()
    variant_id = IdField(required=False, allow_null=True, default=None)
    quantity = StrictIntegerField(min_value=1, max_value=settings.CART_MAX_QUANTITY)


class QuantityInput(serializers.Serializer[None]):
    """How many the line shall hold; 0 removes it."""

    quantity = StrictIntegerField(min_value=0, max_value=settings.CART_MAX_QUANTITY)


class CartItemOutput(serializers.Serializer[None]):
    """One line at today's price."""

    id = serializers.UUIDField()
    product_id = serializers.UUIDField()
    variant_id = serializers.UUIDField()
    name = serializers.CharField()
    sku = serializers.CharField(allow_null=True)
    quantity = serializers.IntegerField()
    unit_price = serializers.DecimalField(max_digits=14, decimal_places=2)
    line_total = serializers.DecimalField(max_digits=14, decimal_places=2)
    in_stock = serializers.BooleanField(help_text="Whether the whole line could be bought now.")


class CartOutput(serializers.Serializer[None]):
    """The cart. `id` is null while there is none."""

    id = serializers.UUIDField(allow_null=True)
    items = CartItemOutput(many=True)
    total_items = serializers.IntegerField(help_text="Units, not lines.")
    subtotal = serializers.DecimalField(max_digits=14, decimal_places=2)
    currency = serializers.CharField()


class NewCartOutput(CartOutput):
    """The cart after an add. `cart_token` is there once: when a guest was given a token."""

    cart_token = serializers.CharField(required=False)
