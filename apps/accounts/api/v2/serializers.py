"""What addresses take and give under /api/v2/."""

from typing import Any

from rest_framework import serializers

from apps.accounts.api.shared import StrictBooleanField
from apps.accounts.models import Address
from apps.accounts.states import AddressType
from core.api.fields import TextField


class CountryField(TextField):
    """An ISO 3166 alpha-2 code in any case of letters."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).upper()


class AddressInput(serializers.Serializer[Any]):
    """An address. PATCH takes any part of it."""

    address_type = serializers.ChoiceField(choices=AddressType.choices, required=False)
    full_name = TextField(max_length=200)
    phone_number = TextField(required=False, allow_blank=True, max_length=32)
    address_line1 = TextField(max_length=200)
    address_line2 = TextField(required=False, allow_blank=True, max_length=200)
    city = TextField(max_length=100)
    state = TextField(required=False, allow_blank=True, max_length=100)
    postal_code = TextField(required=False, allow_blank=True, max_length=20)
    country = CountryField(min_length=2, max_length=2)
    is_default = StrictBooleanField(required=False)


class AddressOutput(serializers.Serializer[Address]):
    """A saved address."""

    id = serializers.UUIDField()
    address_type = serializers.ChoiceField(choices=AddressType.choices)
    full_name = serializers.CharField()
    phone_number = serializers.CharField()
    address_line1 = serializers.CharField()
    address_line2 = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField()
    postal_code = serializers.CharField()
    country = serializers.CharField()
    is_default = serializers.BooleanField()


class AddressPage(serializers.Serializer[Any]):
    """One page of addresses."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = AddressOutput(many=True)
