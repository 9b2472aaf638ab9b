"""What passwords, links and tokens take and give under /api/v2/."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.accounts.api.serializers import EMAIL_MAX
from apps.accounts.api.shared import EmailTextField, OpaqueField, UserOutput
from apps.accounts.states import TokenKind

TOKEN_MAX = 2_048


class NewPasswordInput(serializers.Serializer[Any]):
    """A new password, once or twice."""

    password = OpaqueField(write_only=True, max_length=settings.PASSWORD_MAX_LENGTH)
    password2 = OpaqueField(write_only=True, required=False, help_text="The password again; must match if sent.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.pop("password2", attrs["password"]) != attrs["password"]:
            raise serializers.ValidationError(
                {"password2": serializers.ErrorDetail("The two passwords differ.", code="password_mismatch")}
            )
        return attrs


class PasswordChangeInput(NewPasswordInput):
    """The present password and the one to come."""

    current_password = OpaqueField(write_only=True, max_length=settings.PASSWORD_MAX_LENGTH)


class PasswordResetInput(NewPasswordInput):
    """The token of a mailed link and the password to come."""

    token = OpaqueField(write_only=True, max_length=TOKEN_MAX)


class LinkRequestInput(serializers.Serializer[Any]):
    """Where to send a link."""

    email = EmailTextField(max_length=EMAIL_MAX)


class EmailProofInput(serializers.Serializer[Any]):
    """The token of a mailed link."""

    token = OpaqueField(write_only=True, max_length=TOKEN_MAX)


class TokenInput(serializers.Serializer[Any]):
    """An access or a refresh token."""

    token = OpaqueField(write_only=True)


class TokenStateOutput(serializers.Serializer[Any]):
    """What a good token is and until when."""

    token_type = serializers.ChoiceField(choices=[kind.value for kind in TokenKind])
    expires_at = serializers.DateTimeField()


class AcceptedOutput(serializers.Serializer[Any]):
    """The same words for every address."""

    detail = serializers.CharField()


class MeOutput(UserOutput):
    """A user, as shown to themselves, and since when their address is proven."""

    email_verified_at = serializers.DateTimeField(allow_null=True)
