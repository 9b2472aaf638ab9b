"""Reads of inboxes and preferences. Whose they are is always asked."""

import uuid
from collections.abc import Collection

from apps.accounts.models import User
from apps.accounts.states import Role
from apps.notifications.errors import NotificationNotFound
from apps.notifications.models import Notification, NotificationQuerySet, OptOut
from apps.notifications.states import Channel, Kind

ADMINS_TOLD = 50


def list_notifications(*, user: User, unread: bool | None = None, kind: str = "") -> NotificationQuerySet:
    """Return the inbox, newest first; `unread` narrows it to those that are or are not, `kind` to one kind."""
    rows = Notification.objects.of_user(user)
    if unread is not None:
        rows = rows.filter(read_at__isnull=unread)
    return (rows.filter(kind=kind) if kind else rows).order_by("-created_at", "-id")


def access_notification(*, user: User, notification_id: uuid.UUID) -> Notification:
    """Return the user's own notification. One statement. Raises NotificationNotFound."""
    found = Notification.objects.of_user(user).filter(pk=notification_id).first()
    if found is None:
        raise NotificationNotFound
    return found


def count_unread(*, user: User) -> int:
    """Return how many lie unread. One statement."""
    return Notification.objects.of_user(user).unread().count()


def opt_outs_of(user: User) -> set[tuple[str, str]]:
    """Return the (kind, channel) pairs the user does not want. One statement."""
    return set(OptOut.objects.filter(user=user).values_list("kind", "channel"))


def wants(*, user_id: uuid.UUID | str | None, kind: Kind, channel: Channel) -> bool:
    """Tell whether somebody is told. A guest has no preferences: they are. At most one statement."""
    return user_id is None or not OptOut.objects.filter(user_id=user_id, kind=kind, channel=channel).exists()


def without_opted_out(
    user_ids: Collection[uuid.UUID], *, kind: Kind, channel: Channel = Channel.IN_APP
) -> list[uuid.UUID]:
    """Return those who are told: open accounts that have not opted out, by their ids. Two statements."""
    refused = set(
        OptOut.objects.filter(user__in=user_ids, kind=kind, channel=channel).values_list("user_id", flat=True)
    )
    people = User.objects.filter(pk__in=set(user_ids) - refused, is_active=True)
    return list(people.order_by("pk").values_list("pk", flat=True))


def admin_ids() -> list[uuid.UUID]:
    """Return the shop's admins, the first fifty of them. One statement."""
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("date_joined", "id")
    return list(admins.values_list("pk", flat=True)[:ADMINS_TOLD])
