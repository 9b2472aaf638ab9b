"""Registers the app."""

from django.apps import AppConfig


class ShippingConfig(AppConfig):
    """Ways to send an order."""

    name = "apps.shipping"
    label = "shipping"
