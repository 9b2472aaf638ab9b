"""Registers the app."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Live updates over WebSocket."""

    name = "apps.live"
    label = "live"
