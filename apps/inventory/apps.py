"""Registers the app."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Stock: how many there are and who is promised them."""

    name = "apps.inventory"
    label = "inventory"
