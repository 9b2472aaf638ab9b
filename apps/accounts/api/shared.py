"""What all versions of the accounts' API have in common: shapes, fields, who the client is."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.models import User
from apps.accounts.services.tokens import ClientInfo
from apps.accounts.states import Role
from core.api.fields import TextField
from core.api.throttles import client_address


class OpaqueField(serializers.CharField):
    """Text that is taken as it is: a password or a token. Blanks count; other JSON types are refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """JSON true or false, not "yes", 1 or "on"."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "string", "format": "email", "maxLength": 254})
class EmailTextField(TextField):
    """An e-mail address in plain (ASCII) form; the form itself is checked by the service."""


class UserOutput(serializers.Serializer[User]):
    """A user, as shown to themselves."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    username = serializers.CharField(allow_null=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    phone = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    date_joined = serializers.DateTimeField()


def shape_user(user: User) -> dict[str, Any]:
    """Return the contract's `user`."""
    return {
        "id": user.pk,
        "email": user.email,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "phone": user.phone,
        "role": user.role,
        "date_joined": user.date_joined,
    }


def client_of(request: Request) -> ClientInfo:
    """Return what is known of the device: its address as far as it can be trusted, and what it calls itself."""
    user_agent = request.headers.get("User-Agent", "")
    return ClientInfo.from_text(address=client_address(request), user_agent=user_agent)


def read_input(serializer_class: type[serializers.Serializer[Any]], request: Request, **options: Any) -> dict[str, Any]:
    """Return the validated body. Raises DRF's ValidationError, which becomes a 400 naming each field."""
    serializer = serializer_class(data=request.data, **options)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
