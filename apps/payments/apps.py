"""Registers the app."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Money: attempts, ledger, refunds, gateways."""

    name = "apps.payments"
    label = "payments"
