"""What v1 takes and shows."""

from typing import Any, cast

from rest_framework import serializers
from rest_framework.fields import empty

from apps.inventory.services.stock import MAX_UNITS
from apps.products.api.writing import ProductForm
from apps.products.services.products import ProductInput
from core.api.fields import AmountField, IdField, StrictIntegerField, TextField

DESCRIPTION_LENGTH = 100_000
TAGS = 50


class FlagField(serializers.BooleanField):
    """true or false, also as text (forms). Left out of a form it says nothing, where DRF would read "false"."""

    default_empty_html = empty
    TRUE_VALUES = {True, "true", "True"}
    FALSE_VALUES = {False, "false", "False"}
    NULL_VALUES: set[Any] = set()

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool | str):
            self.fail("invalid", input=data)
        return super().to_internal_value(data)


class ProductIn(serializers.Serializer[Any]):
    """A product as sellers and admins send it. Unknown fields are ignored."""

    name = TextField(max_length=255)
    description = TextField(
        max_length=DESCRIPTION_LENGTH, required=False, allow_blank=True, help_text="HTML; sanitised."
    )
    price = AmountField()
    compare_at_price = AmountField(required=False, allow_null=True)
    cost_price = AmountField(required=False, allow_null=True)
    sku = TextField(max_length=100, required=False, allow_blank=True, allow_null=True)
    stock_quantity = StrictIntegerField(
        required=False, min_value=0, max_value=MAX_UNITS, help_text="Units available for sale."
    )
    category = IdField(required=False, allow_null=True)
    image = serializers.FileField(
        required=False, allow_null=True, help_text="multipart/form-data only; becomes the primary picture."
    )
    tags = serializers.ListField(child=TextField(max_length=100), required=False, max_length=TAGS)
    is_active = FlagField(required=False)

    def form(self) -> ProductForm:
        """Return the validated input as the services take it."""
        data = dict(self.validated_data)
        stock_quantity, image = data.pop("stock_quantity", None), data.pop("image", None)
        if "category" in data:
            data["category_id"] = data.pop("category")
        return ProductForm(fields=cast(ProductInput, data), stock_quantity=stock_quantity, image=image)


class ProductOut(serializers.Serializer[Any]):
    """Product v1."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    sku = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    category = serializers.UUIDField(allow_null=True)
    category_name = serializers.CharField(allow_null=True)
    price = serializers.CharField(help_text="Decimal text, two places or what the currency has.")
    compare_at_price = serializers.CharField(allow_null=True)
    discount_percentage = serializers.IntegerField()
    currency = serializers.CharField()
    stock_quantity = serializers.IntegerField(help_text="Units available for sale.")
    in_stock = serializers.BooleanField()
    image_url = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    cost_price = serializers.CharField(
        allow_null=True, required=False, help_text="Only for admins and the product's seller."
    )


class ProductPageOut(serializers.Serializer[Any]):
    """A page of products."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ProductOut(many=True)


class CategoryOut(serializers.Serializer[Any]):
    """A category. `depth` is 0 for a root."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    description = serializers.CharField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    depth = serializers.IntegerField()
    position = serializers.IntegerField()


class CategoryPageOut(CategoryOut):
    """A category with its subcategories and one page of its products (and of those below it)."""

    children = serializers.ListField(child=serializers.UUIDField())
    products = ProductPageOut()
