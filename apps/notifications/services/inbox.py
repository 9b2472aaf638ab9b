"""Putting news into people's inboxes, and reading it there."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import translation

from apps.accounts.models import User
from apps.notifications.events import NotificationCreated
from apps.notifications.models import Notification
from apps.notifications.selectors import access_notification, without_opted_out
from apps.notifications.services.rendering import offered_language
from apps.notifications.states import Kind
from apps.notifications.texts import describe
from core.events.publishing import publish
from core.rounds import delete_in_rounds
from core.transactions import atomic


def notify(
    *,
    kind: Kind,
    event_id: str,
    user_ids: Sequence[uuid.UUID],
    data: Mapping[str, Any],
    language: str = "",
    now: dt.datetime,
) -> int:
    """Each of the users has the news in their inbox, once per event and kind; return how many got it now.

    Those who do not want it and closed accounts are passed over. Publishes NotificationCreated for each, in the same
    transaction.
    """
    with atomic():
        known = Notification.objects.filter(event_id=event_id, kind=kind, user__in=user_ids)
        missing = set(user_ids) - set(known.values_list("user_id", flat=True))
        rows = [
            Notification(user_id=user_id, kind=kind, event_id=event_id, data=dict(data), created_at=now)
            for user_id in without_opted_out(missing, kind=kind)
        ]
        Notification.objects.bulk_create(rows)
        publish(*_news(rows, language))
    return len(rows)


def mark_read(*, user: User, notification_id: uuid.UUID, now: dt.datetime) -> Notification:
    """The user's notification is read, since now or before; return it. Raises NotificationNotFound."""
    Notification.objects.of_user(user).unread().filter(pk=notification_id).update(read_at=now)
    return access_notification(user=user, notification_id=notification_id)


def mark_all_read(*, user: User, now: dt.datetime) -> int:
    """Everything in the user's inbox is read; return how many were unread. One statement."""
    return Notification.objects.of_user(user).unread().update(read_at=now)


def forget_old(*, now: dt.datetime) -> int:
    """Delete all that is older than settings.NOTIFICATION_KEEP_DAYS, in rounds; return how many went."""
    oldest = now - dt.timedelta(days=settings.NOTIFICATION_KEEP_DAYS)
    return delete_in_rounds(Notification.objects.filter(created_at__lt=oldest).order_by("created_at"))


def _news(rows: Sequence[Notification], language: str) -> list[NotificationCreated]:
    if not rows:
        return []
    with translation.override(offered_language(language)):
        title, body = describe(rows[0].kind, rows[0].data)
    return [
        NotificationCreated(
            notification_id=str(row.pk),
            user_id=str(row.user_id),
            kind=str(row.kind),
            title=title,
            body=body,
            data=row.data,
            created_at=row.created_at.isoformat(),
        )
        for row in rows
    ]
