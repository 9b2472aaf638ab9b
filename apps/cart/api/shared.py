"""The cart's shape, the same in every version."""

from typing import Any

from apps.cart.contents import CartProblem, CartView, Line
from core.money import format_amount


def shape_cart(cart: CartView) -> dict[str, Any]:
    """Return the contract's cart. Amounts are at today's prices."""
    return {
        "id": cart.id,
        "items": [shape_line(line) for line in cart.lines],
        "total_items": cart.total_items,
        "subtotal": format_amount(cart.subtotal, cart.currency),
        "currency": cart.currency,
    }


def shape_line(line: Line) -> dict[str, Any]:
    """Return one line. `in_stock` tells whether the whole line could be bought now."""
    goods = line.goods
    return {
        "id": line.item_id,
        "product_id": goods.product_id,
        "variant_id": goods.variant_id,
        "name": goods.name,
        "sku": goods.sku,
        "quantity": line.quantity,
        "unit_price": format_amount(goods.unit_price, goods.currency),
        "line_total": format_amount(line.total, goods.currency),
        "in_stock": line.in_stock,
    }


def shape_problem(problem: CartProblem) -> dict[str, Any]:
    """Return one entry of `problems` (v2)."""
    return {"code": problem.code, "item_id": problem.item_id, "detail": problem.detail}
