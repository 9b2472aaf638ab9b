"""Saved payment methods: what a provider keeps of a customer's cards, and the little the shop knows of it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.model_bases import TimestampedModel


class ProviderCustomer(TimestampedModel):
    """What a provider calls one of the shop's accounts."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_customers")
    provider = models.CharField(max_length=12)
    reference = models.CharField(max_length=100)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["user", "provider"], name="one_customer_per_user_and_provider"),
            models.UniqueConstraint(fields=["provider", "reference"], name="one_user_per_provider_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.reference}"


class PaymentMethod(TimestampedModel):
    """A way to pay that the provider keeps for an account. Of a card: brand, last four digits and expiry, no more."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="payment_methods")
    provider = models.CharField(max_length=12)
    reference = models.CharField(max_length=100)
    kind = models.CharField(max_length=30, default="card")
    brand = models.CharField(max_length=30, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    exp_month = models.PositiveSmallIntegerField(null=True, blank=True)
    exp_year = models.PositiveSmallIntegerField(null=True, blank=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("-is_default", "-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["provider", "reference"], name="one_owner_per_saved_method"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_default=True), name="one_default_payment_method_per_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.last4}"
