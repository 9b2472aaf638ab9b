"""Registers the app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People: accounts, sign-ins, addresses."""

    name = "apps.accounts"
    label = "accounts"
