"""The kinds of people, addresses, tokens and links."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    """Who one is to the shop. New accounts are customers; only an admin changes a role."""

    ADMIN = "admin"
    SELLER = "seller"
    CUSTOMER = "customer"


class AddressType(models.TextChoices):
    """What an address is for."""

    SHIPPING = "shipping"
    BILLING = "billing"


class TokenKind(StrEnum):
    """What a token may be used for: the `typ` claim. One kind is never taken for the other."""

    ACCESS = "access"
    REFRESH = "refresh"


class LinkPurpose(StrEnum):
    """What a one-time link is good for. One is never taken for the other."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"


class RevokedReason(StrEnum):
    """Why a sign-in ended before its tokens ran out."""

    SIGNED_OUT = "signed_out"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"
    PASSWORD_CHANGED = "password_changed"
    DEACTIVATED = "deactivated"
    ENDED_BY_ADMIN = "ended_by_admin"
