"""Registers the app."""

from django.apps import AppConfig


class ProductsConfig(AppConfig):
    """The catalogue: categories, products, variants, pictures."""

    name = "apps.products"
    label = "products"
