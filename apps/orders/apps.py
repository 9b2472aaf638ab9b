"""Registers the app."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders from checkout to delivery."""

    name = "apps.orders"
    label = "orders"
