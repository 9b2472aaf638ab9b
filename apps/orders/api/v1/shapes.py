"""The v1 shape of an order."""

from collections.abc import Sequence
from typing import Any

from apps.orders.api.shared import amounts_of, amounts_of_lines, shape_item
from apps.orders.models import Order, OrderItem
from apps.orders.selectors import OrderPrincipal, sees_own_lines_only, visible_items


def shape_orders(orders: Sequence[Order], *, principal: OrderPrincipal) -> list[dict[str, Any]]:
    """Return the orders as this principal may see them. One statement for the lines of all of them."""
    items = visible_items(principal=principal, orders=orders)
    return [
        shape_order(order, items[order.pk], as_seller=sees_own_lines_only(principal=principal, order=order))
        for order in orders
    ]


def shape_order(order: Order, items: list[OrderItem], *, as_seller: bool = False) -> dict[str, Any]:
    """Return one order with these lines.

    A seller who did not buy it sees own lines with their figures and where to send them, not who pays.
    """
    amounts = amounts_of_lines(order, items) if as_seller else amounts_of(order)
    total = amounts.pop("total")
    return {
        "id": order.pk,
        "order_number": order.order_number,
        "status": order.status,
        "payment_status": order.payment_status,
        "payment_method": order.payment_method,
        "items": [shape_item(item) for item in items],
        **amounts,
        "total_price": total,
        "currency": order.currency,
        "shipping_address": order.shipping_address,
        "billing_address": None if as_seller else order.billing_address,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "delivered_at": order.delivered_at,
        "carrier": order.carrier,
        "tracking_number": order.tracking_number,
        "tracking_url": order.tracking_url,
    }
