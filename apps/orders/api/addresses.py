"""An address in a request: an object, the id of an own saved address, or one line of text."""

import uuid
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import Direction
from rest_framework import serializers

from apps.accounts.errors import AddressNotFound
from apps.accounts.models import User
from apps.accounts.selectors import access_address, address_snapshot
from core.api.fields import TextField
from core.countries import is_country

ONE_LINE_LENGTH = 500


def optional_text(max_length: int) -> TextField:
    return TextField(max_length=max_length, required=False, allow_blank=True, default="")


class CountryField(TextField):
    """An ISO 3166 alpha-2 code in capitals."""

    default_error_messages = {"unknown_country": "Use a two-letter country code (ISO 3166), for example US."}

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if not is_country(code):
            self.fail("unknown_country")
        return code


class AddressInput(serializers.Serializer[Any]):
    """The contract's address without id, type and default flag."""

    full_name = TextField(max_length=200)
    phone_number = optional_text(32)
    address_line1 = TextField(max_length=200)
    address_line2 = optional_text(200)
    city = TextField(max_length=100)
    state = optional_text(100)
    postal_code = optional_text(20)
    country = CountryField()


class AddressField(serializers.Field[dict[str, str], Any, Any, Any]):
    """Becomes a complete address as it is frozen on an order. One statement for a saved address, else none.

    The serializer's context holds the `user` (None for a guest). An address that is not the user's is reported as
    one that does not exist.
    """

    default_error_messages = {
        "invalid": "An address is an object, the id of a saved address, or one line of text.",
        "blank": "This field may not be blank.",
        "not_found": "You have no saved address with this id.",
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if isinstance(data, dict):
            return dict(AddressInput().run_validation(data))
        if not isinstance(data, str):
            self.fail("invalid")
        if not data.strip():
            self.fail("blank")
        address_id = _as_uuid(data.strip())
        return self._saved(address_id) if address_id else _one_line(data)

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value

    def _saved(self, address_id: uuid.UUID) -> dict[str, str]:
        user: User | None = self.context.get("user")
        try:
            if user is None:
                raise AddressNotFound
            return address_snapshot(access_address(user=user, address_id=address_id))
        except AddressNotFound:
            self.fail("not_found")


class AddressFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describes AddressField in the OpenAPI documents."""

    target_class = AddressField

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        as_object = auto_schema.resolve_serializer(AddressInput, direction).ref
        return {
            "description": "An address, the id of one of your saved addresses, or one line of text.",
            "anyOf": [
                as_object,
                {"type": "string", "format": "uuid"},
                {"type": "string", "maxLength": ONE_LINE_LENGTH},
            ],
        }


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _one_line(text: str) -> dict[str, str]:
    """The whole text is the first line; the country is the shop's own, because nothing says otherwise."""
    line = TextField(max_length=ONE_LINE_LENGTH).run_validation(text)
    return {**dict.fromkeys(AddressInput().fields, ""), "address_line1": line, "country": settings.STORE_COUNTRY}
