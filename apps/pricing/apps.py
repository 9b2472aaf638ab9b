"""Registers the app."""

from django.apps import AppConfig


class PricingConfig(AppConfig):
    """What an order costs, and why."""

    name = "apps.pricing"
    label = "pricing"
