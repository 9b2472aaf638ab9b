"""Payments in the back office: one module per matter."""

from apps.payments.admin import inbox, orders, payments, refunds, wallet

__all__ = ["inbox", "orders", "payments", "refunds", "wallet"]
