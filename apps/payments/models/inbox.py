"""The inbox of providers' webhooks."""

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q

from apps.payments.models.payments import Payment
from apps.payments.states import InboxState
from core.model_bases import UUIDModel


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    """Reads of the inbox."""

    def due(self, *, now: dt.datetime) -> Self:
        """Messages that are stored and still to be applied by now."""
        return self.filter(state=InboxState.RECEIVED, due_at__lte=now)


class WebhookEvent(UUIDModel):
    """A provider's message, kept as it came. Unique by (provider, event_id): a repeat is recognised.

    A second message that uses a known event id for another body is kept as `{event_id}#{digest}`, in quarantine.
    One that is received but not yet applied is tried (again) at `due_at`.
    """

    provider = models.CharField(max_length=12)
    event_id = models.CharField(max_length=255)
    body = models.BinaryField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=InboxState.choices, default=InboxState.RECEIVED)
    reason = models.CharField(max_length=255, blank=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="webhook_events")
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        ordering = ("-received_at", "-id")
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="one_inbox_row_per_event")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="received"), name="webhook_event_to_apply"),
            models.Index(fields=["received_at"], condition=Q(state="quarantined"), name="webhook_event_in_quarantine"),
            models.Index(fields=["provider", "-received_at"], name="webhook_event_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.event_id} ({self.state})"
