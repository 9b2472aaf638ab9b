"""Orders in the back office: one module per matter."""

from apps.orders.admin.orders import OrderAdmin

__all__ = ["OrderAdmin"]
