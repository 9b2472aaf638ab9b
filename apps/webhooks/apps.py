"""Registers the app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """What others learn of events: the feed, webhooks, Kafka."""

    name = "apps.webhooks"
    label = "webhooks"
