"""Mail that was handed over or is being sent, people's inboxes, and what they do not want to be told."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.accounts.models import User
from apps.notifications.states import Channel
from core.model_bases import AppendOnlyModel, UUIDModel


class SentEmail(AppendOnlyModel):
    """One mail accepted by the mail server, or refused for good: `refusal` has its words then, and is empty otherwise.

    `message_id` is derived from the event: the same mail has the same one.
    """

    message_id = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=50)
    recipient = models.EmailField(max_length=254)
    subject = models.CharField(max_length=255)
    reference = models.CharField(max_length=100, blank=True)
    refusal = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"


class MailClaim(models.Model):
    """A mail that somebody sends at the moment. Without a row, or with one whose lease is over, anybody may."""

    message_id = models.CharField(max_length=255, primary_key=True)
    lease = models.UUIDField()
    leased_until = models.DateTimeField()

    class Meta:
        ordering = ("message_id",)

    def __str__(self) -> str:
        return self.message_id


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Reads of notifications."""

    def of_user(self, user: User) -> Self:
        return self.filter(user=user)

    def unread(self) -> Self:
        return self.filter(read_at=None)


class Notification(UUIDModel):
    """A line in a person's inbox. Its words are made from `kind` and `data` in the reader's language."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=30)  # one of states.Kind, or of an older list of them
    event_id = models.UUIDField(editable=False)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["event_id", "user", "kind"], name="one_notification_per_event_and_user")
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notification_of_user"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(fields=["created_at"], name="notification_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class OptOut(UUIDModel):
    """A kind of news that somebody does not want by a channel. Without a row they are told."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_opt_outs")
    kind = models.CharField(max_length=30)  # one of states.Kind, or of an older list of them
    channel = models.CharField(max_length=10, choices=Channel.choices)

    class Meta:
        ordering = ("kind", "channel", "id")
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "channel"], name="one_opt_out_per_kind_and_channel")
        ]

    def __str__(self) -> str:
        return f"no {self.kind} by {self.channel}"
