"""Registers the app."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Gapless invoices as PDF."""

    name = "apps.invoices"
    label = "invoices"
