"""The catalogue in the back office. What is written here goes through the services, or is settled by them after."""

from apps.products.admin.categories import CategoryAdmin, TagAdmin
from apps.products.admin.products import ProductAdmin

__all__ = ["CategoryAdmin", "ProductAdmin", "TagAdmin"]
