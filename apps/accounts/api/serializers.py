"""What accounts take and give, in every version."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.accounts.api.shared import EmailTextField, OpaqueField, UserOutput
from core.api.fields import TextField

EMAIL_MAX, NAME_MAX, PHONE_MAX = 254, 150, 32


class RegisterInput(serializers.Serializer[Any]):
    """A new customer's account. Whatever else is sent (a role, a flag) changes nothing."""

    email = EmailTextField(max_length=EMAIL_MAX)
    password = OpaqueField(write_only=True, max_length=settings.PASSWORD_MAX_LENGTH)
    password2 = OpaqueField(write_only=True, required=False, help_text="The password again; must match if sent.")
    username = TextField(required=False, allow_blank=True, allow_null=True, max_length=NAME_MAX)
    first_name = TextField(required=False, allow_blank=True, max_length=NAME_MAX)
    last_name = TextField(required=False, allow_blank=True, max_length=NAME_MAX)
    phone = TextField(required=False, allow_blank=True, max_length=PHONE_MAX)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.pop("password2", attrs["password"]) != attrs["password"]:
            raise serializers.ValidationError(
                {"password2": serializers.ErrorDetail("The two passwords differ.", code="password_mismatch")}
            )
        return attrs


class LoginInput(serializers.Serializer[Any]):
    """A name and a password. The name is the e-mail address, or else the username."""

    email = TextField(required=False, max_length=EMAIL_MAX)
    username = TextField(required=False, max_length=EMAIL_MAX)
    password = OpaqueField(write_only=True, max_length=settings.PASSWORD_MAX_LENGTH)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "email" not in attrs and "username" not in attrs:
            raise serializers.ValidationError({"email": serializers.ErrorDetail("This is required.", code="required")})
        return attrs


class RefreshInput(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = OpaqueField(write_only=True)


class ProfileInput(serializers.Serializer[Any]):
    """What one may change about oneself. What is not sent stays as it is."""

    username = TextField(required=False, allow_blank=True, allow_null=True, max_length=NAME_MAX)
    first_name = TextField(required=False, allow_blank=True, max_length=NAME_MAX)
    last_name = TextField(required=False, allow_blank=True, max_length=NAME_MAX)
    phone = TextField(required=False, allow_blank=True, max_length=PHONE_MAX)


class TokensOutput(serializers.Serializer[Any]):
    """A pair of tokens. The access token goes into `Authorization: Bearer …`."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class CartProblemOutput(serializers.Serializer[Any]):
    """What of the guest's cart found no place in the account's own, and why."""

    code = serializers.CharField()
    item_id = serializers.UUIDField(allow_null=True)
    detail = serializers.CharField()


class SignedInOutput(TokensOutput):
    """A pair of tokens and whose they are."""

    user = UserOutput()
    cart_problems = CartProblemOutput(many=True)
