"""Registers the app."""

from django.apps import AppConfig


class CartConfig(AppConfig):
    """What a customer means to buy."""

    name = "apps.cart"
    label = "cart"
