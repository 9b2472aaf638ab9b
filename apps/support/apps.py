"""Registers the app."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    """Escalations: disputes, suspicions, failed refunds, complaints."""

    name = "apps.support"
    label = "support"
