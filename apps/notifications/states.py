"""What people are told of, by which channel, and who they are."""

import dataclasses

from django.db import models

from apps.accounts.states import Role


class Channel(models.TextChoices):
    """How one is told."""

    IN_APP = "in_app"
    MAIL = "mail"


class Kind(models.TextChoices):
    """What one is told of. The values are part of the API."""

    ORDER_CONFIRMED = "order_confirmed"
    ORDER_PAID = "order_paid"
    ORDER_SHIPPED = "order_shipped"
    ORDER_TRACKING_CHANGED = "order_tracking_changed"
    ORDER_DELIVERED = "order_delivered"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_REVIVED = "order_revived"
    ORDER_REFUNDED = "order_refunded"
    REVIEW_REQUEST = "review_request"
    NEW_ORDER = "new_order"
    LOW_STOCK = "low_stock"
    ESCALATION = "escalation"
    MONEY_WENT_BACK = "money_went_back"
    DEAD_LETTER = "dead_letter"
    WEBHOOK_DISABLED = "webhook_disabled"
    ACCOUNT_SECURITY = "account_security"


@dataclasses.dataclass(frozen=True, slots=True)
class KindInfo:
    """Whom a kind concerns and how they are told. A locked one cannot be switched off."""

    roles: frozenset[Role]
    channels: frozenset[Channel] = frozenset(Channel)
    is_locked: bool = False


_EVERYBODY = frozenset(Role)
_SELLERS = frozenset({Role.SELLER, Role.ADMIN})  # an admin may offer products as well
_ADMINS = frozenset({Role.ADMIN})
_MAIL = frozenset({Channel.MAIL})

KINDS: dict[Kind, KindInfo] = {
    Kind.ORDER_CONFIRMED: KindInfo(_EVERYBODY),
    Kind.ORDER_PAID: KindInfo(_EVERYBODY),
    Kind.ORDER_SHIPPED: KindInfo(_EVERYBODY),
    Kind.ORDER_TRACKING_CHANGED: KindInfo(_EVERYBODY),
    Kind.ORDER_DELIVERED: KindInfo(_EVERYBODY),
    Kind.ORDER_CANCELLED: KindInfo(_EVERYBODY),
    Kind.ORDER_REVIVED: KindInfo(_EVERYBODY),
    Kind.ORDER_REFUNDED: KindInfo(_EVERYBODY),
    Kind.REVIEW_REQUEST: KindInfo(_EVERYBODY, _MAIL),
    Kind.NEW_ORDER: KindInfo(_SELLERS),
    Kind.LOW_STOCK: KindInfo(_SELLERS),
    Kind.ESCALATION: KindInfo(_ADMINS),
    Kind.MONEY_WENT_BACK: KindInfo(_ADMINS),
    Kind.DEAD_LETTER: KindInfo(_ADMINS),
    Kind.WEBHOOK_DISABLED: KindInfo(_ADMINS),
    Kind.ACCOUNT_SECURITY: KindInfo(_EVERYBODY, _MAIL, is_locked=True),
}


def kinds_for(role: str) -> list[Kind]:
    """Return what concerns people of that role, in the order of the list above."""
    return [kind for kind, info in KINDS.items() if role in info.roles]
