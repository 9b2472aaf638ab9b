"""Invoices: a gapless number for an order and the figures it was issued with."""

from django.db import models

from apps.orders.models import Order
from core.model_bases import AppendOnlyModel


class InvoiceSequence(models.Model):
    """The last number given in a series. Locked while a number is taken, so that a rollback leaves no gap."""

    series = models.CharField(max_length=20, primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("series",)


class Invoice(AppendOnlyModel):
    """An issued invoice. `content` is what the PDF is drawn from: the same bytes again at any time."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="invoice")
    series = models.CharField(max_length=20)
    number = models.PositiveIntegerField()
    issued_at = models.DateTimeField()
    content = models.JSONField()

    class Meta:
        ordering = ("-issued_at", "-id")
        constraints = [models.UniqueConstraint(fields=["series", "number"], name="invoice_number_unique")]

    def __str__(self) -> str:
        return self.full_number

    @property
    def full_number(self) -> str:
        """The number as printed ("INV-2026-000042")."""
        return f"{self.series}-{self.number:06d}"


class InvoiceDocument(models.Model):
    """The PDF of an order's invoice: where it is stored, and what its bytes must be.

    `name` is empty while there is none: it was asked for at `requested_at`, or its file is lost.
    """

    order = models.OneToOneField(Order, on_delete=models.PROTECT, primary_key=True, related_name="invoice_document")
    name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    stored_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-order_id",)
        indexes = [models.Index(fields=["name"], name="invoice_document_name")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name="", sha256="", stored_at=None)
                | (~models.Q(name="") & ~models.Q(sha256="") & models.Q(stored_at__isnull=False)),
                name="invoice_document_is_stored_or_not",
            )
        ]

    def __str__(self) -> str:
        return self.name
