"""The outbox: one row per event, one row per (event, handler)."""

from django.db import models
from django.db.models import Q

from core.model_bases import UUIDModel


class OutboxEvent(UUIDModel):
    """A committed fact. Written by publish() in the transaction that made it true.

    `position` is its place in the feed: given after the commit, one after the other and without gaps, so that a reader
    who asks for what comes after a position misses nothing, however late a transaction commits. The order in which
    events get their positions is that of writing_order.py; the index of those that wait, outbox_event_waiting, follows
    it and is made by the migration that began the count.
    """

    name = models.CharField(max_length=100)
    version = models.PositiveSmallIntegerField(default=1)
    aggregate_id = models.CharField(max_length=64)
    payload = models.JSONField()
    request_id = models.CharField(max_length=128, blank=True)
    occurred_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, editable=False)
    position = models.BigIntegerField(null=True, unique=True, editable=False)

    class Meta:
        db_table = "core_outbox_event"
        ordering = ("id",)
        indexes = [
            models.Index(fields=["aggregate_id", "id"], name="outbox_event_aggregate"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.aggregate_id}"


class DeliveryState(models.TextChoices):
    """PENDING is due or leased; DEAD has used up its attempts and waits for a person, who may have it DROPPED."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"
    DROPPED = "dropped"


class OutboxDelivery(UUIDModel):
    """One handler's duty to one event. Leased by a worker, retried with back-off, dead after its last attempt."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    handler = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True, editable=False)
    last_error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "core_outbox_delivery"
        ordering = ("id",)
        verbose_name_plural = "outbox deliveries"
        constraints = [models.UniqueConstraint(fields=["event", "handler"], name="one_delivery_per_handler")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="outbox_delivery_due"),
            models.Index(fields=["handler", "state"], condition=~Q(state="done"), name="outbox_delivery_open"),
        ]

    def __str__(self) -> str:
        return f"{self.handler} ({self.state})"


class EventSequence(models.Model):
    """One row: the last position given. Whoever gives positions holds it, so that they are seen in their order.

    `gone` is the greatest position whose event was removed for its age: the feed is whole only after it.
    """

    last = models.BigIntegerField(default=0)
    gone = models.BigIntegerField(default=0)

    class Meta:
        db_table = "core_event_sequence"

    def __str__(self) -> str:
        return str(self.last)


class SinkCursor(models.Model):
    """How far a sink has taken the feed, and who feeds it now. One row per sink, moved on by conditional UPDATE."""

    sink = models.CharField(max_length=50, primary_key=True)
    position = models.BigIntegerField(default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = "core_sink_cursor"
        ordering = ("sink",)

    def __str__(self) -> str:
        return f"{self.sink} at {self.position}"
