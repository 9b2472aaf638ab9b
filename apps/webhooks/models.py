"""Endpoints of others, what they are owed, and how each try went."""

import uuid
from typing import Self
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from apps.webhooks.states import DisabledReason, WebhookState
from core.model_bases import TimestampedModel, UUIDModel

URL_LENGTH = 2_000
DESCRIPTION_LENGTH = 200
ANSWER_LENGTH = 200
ERROR_LENGTH = 200


class WebhookEndpoint(TimestampedModel):
    """Somewhere events are sent to. `event_names` empty: all of them.

    Its secrets are sealed. While one replaces the other both sign, until `old_secret_until`. Whoever sends holds it by
    `lease`: at most one webhook is on its way. `retry_at` says until when it is left alone after a failure.
    `is_slow` until it has answered well and quickly: then it is served among the quick ones.
    """

    url = models.CharField(max_length=URL_LENGTH)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    event_names = models.JSONField(default=list, blank=True)
    sealed_secret = models.TextField(editable=False)
    sealed_old_secret = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=10, choices=DisabledReason.choices, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    is_slow = models.BooleanField(default=True)
    served_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("created_at", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(is_active=True, disabled_reason="") | (Q(is_active=False) & ~Q(disabled_reason="")),
                name="webhook_endpoint_off_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(sealed_old_secret="") | Q(old_secret_until__isnull=False),
                name="webhook_old_secret_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.host

    @property
    def host(self) -> str:
        """All of the address that may be shown to anybody: the rest may hold a key."""
        return urlsplit(self.url).hostname or ""


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Reads of deliveries."""

    def pending(self) -> Self:
        return self.filter(state=WebhookState.PENDING)


class WebhookDelivery(UUIDModel):
    """What one endpoint is owed of one event. Tried for three days from `queued_at` on."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    endpoint_id: uuid.UUID
    event_id = models.UUIDField()
    event_name = models.CharField(max_length=100)
    position = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=WebhookState.choices, default=WebhookState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=ERROR_LENGTH, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-position", "-id")
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="one_webhook_per_endpoint_and_event"),
            models.CheckConstraint(
                condition=Q(state="pending", finished_at=None) | (~Q(state="pending") & Q(finished_at__isnull=False)),
                name="webhook_finished_or_pending",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at", "position"], condition=Q(state="pending"), name="webhook_delivery_open"
            ),
            models.Index(fields=["endpoint", "-position", "-id"], name="webhook_delivery_newest"),
            models.Index(fields=["finished_at"], name="webhook_delivery_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} ({self.state})"


class WebhookAttempt(UUIDModel):
    """One try. `status` is None if there was no answer; `answer` is how the body of a refusal begins."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=ERROR_LENGTH, blank=True)
    answer = models.CharField(max_length=ANSWER_LENGTH, blank=True)

    class Meta:
        ordering = ("sent_at", "id")

    def __str__(self) -> str:
        return f"{self.number}: {self.status or self.error}"
