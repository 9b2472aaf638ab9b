"""Payments and the ledger that explains them."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.orders.models import Order
from apps.payments.states import OPEN_STATES, EntryKind, PaymentState
from core.fields import CurrencyField, MoneyField
from core.model_bases import AppendOnlyModel, TimestampedModel


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Reads of payments."""

    def open(self) -> Self:
        """Attempts that may still bring money."""
        return self.filter(status__in=sorted(OPEN_STATES))

    def to_inquire(self, *, now: dt.datetime) -> Self:
        """Payments whose provider is to be asked by now. Uses its own index."""
        return self.filter(next_inquiry_at__lte=now)


class Payment(TimestampedModel):
    """One attempt to pay an order. `status` and the sums are folded from the ledger, never set by hand.

    `transaction_id` is the provider's name for it; `client_secret` or `redirect_url` is what the client needs to go
    on, `session_reference` what the shop asks by. `disputed_amount` is withheld while a dispute is decided,
    `charged_back_amount` lost to one. `ledger_size` counts its entries; at `next_inquiry_at` the provider is asked.
    `request_key` is the hash of the Idempotency-Key that asked for it, by which a repeat finds what a request that
    died had begun. Every write happens under the lock of the order, but for `next_inquiry_at`, which is a hint.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    provider = models.CharField(max_length=12)
    status = models.CharField(max_length=20, choices=PaymentState.choices, default=PaymentState.PENDING)
    amount = MoneyField()
    currency = CurrencyField()
    captured_amount = MoneyField(default=0)
    refunded_amount = MoneyField(default=0)
    disputed_amount = MoneyField(default=0)
    charged_back_amount = MoneyField(default=0)
    ledger_size = models.PositiveIntegerField(default=0)
    payment_method_id = models.CharField(max_length=100, blank=True)
    transaction_id = models.CharField(max_length=100, blank=True)
    client_secret = models.CharField(max_length=255, blank=True)
    redirect_url = models.CharField(max_length=1000, blank=True)
    session_reference = models.CharField(max_length=100, blank=True, editable=False)
    failure_code = models.CharField(max_length=100, blank=True)
    next_inquiry_at = models.DateTimeField(null=True, blank=True)
    request_key = models.CharField(max_length=64, blank=True, editable=False)

    objects = PaymentQuerySet.as_manager()

    # What the provider calls the payer, where a read fetched it along (locks.lock_order_to_pay).
    customer_reference: str | None = None

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(status__in=sorted(OPEN_STATES)), name="one_open_payment_per_order"
            ),
            models.UniqueConstraint(
                fields=["provider", "transaction_id"],
                condition=~Q(transaction_id=""),
                name="one_payment_per_transaction",
            ),
            models.UniqueConstraint(
                fields=["order", "provider", "request_key"],
                condition=~Q(request_key=""),
                name="one_payment_per_request_key",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="payment_amount_not_negative"),
            models.CheckConstraint(condition=Q(status__in=PaymentState.values), name="payment_status_known"),
            models.CheckConstraint(
                condition=Q(refunded_amount__lte=F("captured_amount")), name="payment_refunded_within_captured"
            ),
            models.CheckConstraint(
                condition=Q(
                    captured_amount__gte=F("refunded_amount") + F("disputed_amount") + F("charged_back_amount")
                ),
                name="payment_gone_within_captured",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_inquiry_at"], condition=Q(next_inquiry_at__isnull=False), name="payment_to_inquire"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.amount} {self.currency} ({self.status})"

    @property
    def state(self) -> PaymentState:
        return PaymentState(self.status)

    @property
    def is_open(self) -> bool:
        """May still bring money."""
        return self.status in OPEN_STATES

    @property
    def returned_amount(self) -> Decimal:
        """What the payer has back: refunds and lost disputes."""
        returned: Decimal = self.refunded_amount + self.charged_back_amount
        return returned

    @property
    def is_started(self) -> bool:
        """The provider has answered: it knows this attempt, or has refused it."""
        return bool(self.transaction_id) or self.ledger_size > 0


class PaymentEntry(AppendOnlyModel):
    """One thing that happened to a payment, as told by the provider. Unique by the provider's own reference."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="entries")
    payment_id: uuid.UUID
    kind = models.CharField(max_length=16, choices=EntryKind.choices)
    amount = MoneyField(default=0)
    currency = CurrencyField()
    reference = models.CharField(max_length=150)
    occurred_at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("occurred_at", "id")
        verbose_name_plural = "payment entries"
        constraints = [
            models.UniqueConstraint(fields=["payment", "kind", "reference"], name="one_entry_per_provider_reference"),
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="payment_entry_kind_known"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="payment_entry_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"
