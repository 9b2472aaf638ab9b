"""Payments, refunds, the inbox of webhooks, saved payment methods."""

from apps.payments.models.inbox import WebhookEvent
from apps.payments.models.payments import Payment, PaymentEntry, PaymentQuerySet
from apps.payments.models.refunds import Refund, RefundLine
from apps.payments.models.wallet import PaymentMethod, ProviderCustomer

__all__ = [
    "Payment",
    "PaymentEntry",
    "PaymentMethod",
    "PaymentQuerySet",
    "ProviderCustomer",
    "Refund",
    "RefundLine",
    "WebhookEvent",
]
