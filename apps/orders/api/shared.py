"""What every version of the orders API needs of a request, and the parts of its shapes."""

import uuid
from typing import Any

from rest_framework.request import Request

from apps.accounts.models import User
from apps.cart.api.owners import cart_owner
from apps.cart.errors import CartEmpty
from apps.cart.owners import CartOwner
from apps.orders.models import Order, OrderItem
from apps.orders.selectors import OrderPrincipal
from core.errors import NotAuthenticated
from core.money import ZERO, format_amount

ORDER_TOKEN_HEADER = "X-Order-Token"


def user_of(request: Request) -> User | None:
    """Return the signed-in user, None for a guest."""
    return request.user if isinstance(request.user, User) else None


def principal_of(request: Request) -> OrderPrincipal:
    """Return who asks for orders: the account, the bearer of an order token, or both."""
    return OrderPrincipal(user=user_of(request), order_token=request.headers.get(ORDER_TOKEN_HEADER) or None)


def known_principal_of(request: Request) -> OrderPrincipal:
    """Return who asks. Raises NotAuthenticated when there is neither an account nor an order token."""
    principal = principal_of(request)
    if principal.user is None and principal.order_token is None:
        raise NotAuthenticated(f"Sign in, or send the order's token as {ORDER_TOKEN_HEADER}.")
    return principal


def cart_owner_of(request: Request) -> CartOwner:
    """Return whose cart is ordered. Raises CartEmpty for a guest without a cart token."""
    owner = cart_owner(request)
    if owner is None:
        raise CartEmpty
    return owner


def order_location(request: Request, order_id: uuid.UUID) -> str:
    """Return the path of an order below the door the request came through."""
    version = next((name for name in ("v1", "v2") if request.path.startswith(f"/api/{name}/")), None)
    return f"/api/{version}/orders/{order_id}/" if version else f"/api/orders/{order_id}/"


def shape_item(item: OrderItem) -> dict[str, Any]:
    """Return one line. `total` is unit price times quantity, before the order's discount."""
    return {
        "id": item.pk,
        "product_id": item.product_id,
        "variant_id": item.variant_id,
        "name": item.name,
        "sku": item.sku,
        "quantity": item.quantity,
        "unit_price": format_amount(item.unit_price, item.currency),
        "total": format_amount(item.total, item.currency),
    }


def amounts_of(order: Order) -> dict[str, str]:
    """Return the order's figures as text, `total` last."""
    figures = {
        "subtotal": order.subtotal,
        "discount_amount": order.discount_amount,
        "tax_amount": order.tax_amount,
        "shipping_cost": order.shipping_cost,
        "total": order.total_amount,
    }
    return {name: format_amount(figure, order.currency) for name, figure in figures.items()}


def amounts_of_lines(order: Order, items: list[OrderItem]) -> dict[str, str]:
    """Return the figures of some of the order's lines: what a seller sees of an order with other sellers' goods."""
    subtotal = sum((item.total for item in items), ZERO)
    discount = sum((item.discount_amount for item in items), ZERO)
    tax = sum((item.tax_amount for item in items), ZERO)
    total = subtotal - discount + (ZERO if order.prices_include_tax else tax)
    figures = {"subtotal": subtotal, "discount_amount": discount, "tax_amount": tax, "shipping_cost": ZERO}
    return {name: format_amount(figure, order.currency) for name, figure in {**figures, "total": total}.items()}
