"""Registers the ground and lets every app's figures, handlers, invariants and periodic jobs register themselves."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    """The ground."""

    name = "core"
    label = "core"

    def ready(self) -> None:
        autodiscover_modules("checks", "figures", "handlers", "invariants", "periodic")
