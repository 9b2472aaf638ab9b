"""Money on its way back, and which lines of the order it is for."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.orders.models import OrderItem
from apps.payments.models.payments import Payment
from apps.payments.states import RefundCause, RefundState
from core.fields import CurrencyField, MoneyField
from core.model_bases import TimestampedModel, UUIDModel


class RefundQuerySet(models.QuerySet["Refund"]):
    """Reads of refunds."""

    def untold(self) -> Self:
        """Refunds the provider has not answered for: to be told (again)."""
        return self.filter(state=RefundState.PENDING, provider_reference="")

    def told(self) -> Self:
        """Refunds the provider knows and has not finished: to be asked about."""
        return self.filter(state=RefundState.PENDING).exclude(provider_reference="")


class Refund(TimestampedModel):
    """Money on its way back. The row is committed before the provider is called; its id is the provider's key.

    `takes_shipping` and `restocked` say what else the refund took back; `request_key` is as that of a payment.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    payment_id: uuid.UUID
    amount = MoneyField()
    currency = CurrencyField()
    cause = models.CharField(max_length=16, choices=RefundCause.choices, default=RefundCause.REQUESTED)
    reason = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=RefundState.choices, default=RefundState.PENDING)
    provider_reference = models.CharField(max_length=150, blank=True)
    failure_code = models.CharField(max_length=100, blank=True)
    takes_shipping = models.BooleanField(default=False)
    restocked = models.BooleanField(default=False)
    request_key = models.CharField(max_length=64, blank=True, editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.UniqueConstraint(
                fields=["payment", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="one_refund_per_provider_reference",
            ),
            models.UniqueConstraint(
                fields=["payment", "request_key"], condition=~Q(request_key=""), name="one_refund_per_request_key"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], condition=Q(state="pending"), name="refund_to_carry_out")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} ({self.state})"


class RefundLine(UUIDModel):
    """Units of one line of the order that a refund is for, and what they came to."""

    refund = models.ForeignKey(Refund, on_delete=models.CASCADE, related_name="lines")
    order_item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="refund_lines")
    order_item_id: uuid.UUID
    quantity = models.PositiveIntegerField()
    amount = MoneyField()
    currency = CurrencyField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["refund", "order_item"], name="one_refund_line_per_order_item"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="refund_line_quantity_positive"),
        ]
