"""Escalations and what was said and done about them."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.orders.models import Order
from apps.support.states import SHOWN_TO_OWNER, UNRESOLVED, EscalationKind, EscalationStatus
from core.fields import CurrencyField, MoneyField
from core.model_bases import AppendOnlyModel, TimestampedModel

TITLE_LENGTH = 200


class EscalationQuerySet(models.QuerySet["Escalation"]):
    """Reads of escalations."""

    def unresolved(self) -> Self:
        return self.filter(status__in=sorted(UNRESOLVED))

    def holding(self) -> Self:
        """Unresolved ones for which their order stands still."""
        return self.unresolved().filter(holds_fulfilment=True)

    def shown_to_owner(self) -> Self:
        return self.filter(kind__in=sorted(SHOWN_TO_OWNER))


class Escalation(TimestampedModel):
    """A matter a person must decide.

    `reference` is the name the outside gives it (a dispute's id …), unique within its kind; complaints have none.
    `order`, `kind` and `holds_fulfilment` never change. It is written under the lock of its order, where it has one.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="escalations")
    order_id: uuid.UUID | None
    kind = models.CharField(max_length=20, choices=EscalationKind.choices)
    reference = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=12, choices=EscalationStatus.choices, default=EscalationStatus.OPEN)
    title = models.CharField(max_length=TITLE_LENGTH)
    detail = models.TextField(blank=True)
    amount = MoneyField(null=True, blank=True)
    currency = CurrencyField(blank=True)
    holds_fulfilment = models.BooleanField(default=False)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    opened_by_id: uuid.UUID | None
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    assigned_to_id: uuid.UUID | None
    resolution = models.TextField(blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "reference"], condition=~Q(reference=""), name="one_escalation_per_reference"
            ),
            models.CheckConstraint(condition=Q(kind__in=EscalationKind.values), name="escalation_kind_known"),
            models.CheckConstraint(condition=Q(status__in=EscalationStatus.values), name="escalation_status_known"),
            models.CheckConstraint(
                condition=(Q(status="resolved", resolved_at__isnull=False) & ~Q(resolution=""))
                | (~Q(status="resolved") & Q(resolved_at=None, resolution="")),
                name="escalation_resolved_with_words",
            ),
            models.CheckConstraint(
                condition=Q(holds_fulfilment=False) | Q(order__isnull=False), name="escalation_holds_an_order"
            ),
            models.CheckConstraint(condition=Q(amount=None) | ~Q(currency=""), name="escalation_amount_has_currency"),
        ]
        indexes = [
            models.Index(fields=["status", "-created_at", "-id"], name="escalation_by_status"),
            models.Index(fields=["-created_at", "-id"], name="escalation_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.title}"


class EscalationNote(AppendOnlyModel):
    """One thing that was said or done about an escalation. `status` is the one it took with this, "" if it kept it."""

    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    author_id: uuid.UUID | None
    status = models.CharField(max_length=12, choices=EscalationStatus.choices, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        ordering = ("created_at", "id")
        constraints = [
            models.CheckConstraint(condition=~Q(text="") | ~Q(status=""), name="escalation_note_says_something")
        ]
