"""Registers the app."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Mail that follows events."""

    name = "apps.notifications"
    label = "notifications"
