"""Turns a cart into an order, in one transaction."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from apps.cart.owners import CartOwner
from apps.cart.services.checkout import (
    LockedCart,
    discard_ordered_cart,
    finish_cart,
    take_cart_for_checkout,
)
from apps.inventory.services import reservations
from apps.orders.errors import (
    CartAlreadyOrdered,
    EmailRequired,
    OrderNumberTaken,
    OrderTooLarge,
    PaymentMethodNotOffered,
    TotalChanged,
)
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services.drafting import (
    CheckoutCommand,
    demand_of,
    draft_history,
    draft_items,
    draft_news,
    draft_order,
    lines_to_price,
)
from apps.orders.services.moves import stock_reference
from apps.pricing.quotes import Quote
from apps.pricing.services.quoting import price_order
from core.errors import FieldError
from core.events.publishing import publish
from core.fields import MONEY_DECIMALS, MONEY_DIGITS
from core.ids import new_token
from core.money import format_amount
from core.transactions import atomic

LARGEST_AMOUNT = Decimal(10) ** (MONEY_DIGITS - MONEY_DECIMALS) - 1


@dataclasses.dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order and its lines. `order_token` is a guest's key to it, shown now and never again."""

    order: Order
    items: list[OrderItem]
    order_token: str | None


def place_order(*, command: CheckoutCommand, now: dt.datetime) -> PlacedOrder:
    """The cart is an order with frozen prices and addresses, its stock reserved, and the cart is closed.

    Paid on delivery it is confirmed at once; otherwise it stays pending until paid or until `expires_at`
    (settings.ORDER_EXPIRY_MINUTES). All or nothing, in one transaction: the cart is locked first and the stock last,
    because a popular product's row is what others wait for. Publishes OrderPlaced and, when certain, OrderConfirmed.

    Raises CartEmpty, CartHasProblems, CartAlreadyOrdered, TotalChanged, OutOfStock,
    NoShippingMethod, OrderTooLarge, and as faults of
    the input EmailRequired, PaymentMethodNotOffered and UnknownShippingMethod.
    """
    _require_offered(command.payment_method)
    _require_email(command)
    try:
        with atomic():
            return _place(command, now)
    except IntegrityError as error:
        raise _explain(error) from error


def _place(command: CheckoutCommand, now: dt.datetime) -> PlacedOrder:
    cart = take_cart_for_checkout(owner=command.owner, now=now)
    _refuse_second_order(cart, command.owner, now)
    quote = price_order(
        lines=lines_to_price(cart), address=command.shipping_address, shipping_method=command.shipping_method
    )
    _require_payable(quote)
    _require_expected_total(command.expected_total, quote)
    order_token = None if command.user is not None else new_token()
    order = draft_order(command, cart, quote, order_token, now)
    items = draft_items(order, cart, quote)
    order.save(force_insert=True)
    OrderItem.objects.bulk_create(items)
    OrderStatusChange.objects.bulk_create(draft_history(order, command.user))
    finish_cart(locked=cart, owner=command.owner, now=now)
    publish(*draft_news(order))
    reservations.reserve(reference=stock_reference(order.pk), demand=demand_of(cart), now=now)
    return PlacedOrder(order=order, items=items, order_token=order_token)


def _require_offered(payment_method: str) -> None:
    if payment_method not in settings.PAYMENT_PROVIDERS:
        offered = ", ".join(settings.PAYMENT_PROVIDERS)
        detail = f"This shop takes: {offered}."
        raise PaymentMethodNotOffered(detail, errors=(FieldError("payment_method", "invalid_choice", detail),))


def _require_email(command: CheckoutCommand) -> None:
    if command.user is None and not command.email:
        raise EmailRequired(errors=(FieldError("email", "required", "A guest needs an e-mail address."),))


def _refuse_second_order(cart: LockedCart, owner: CartOwner, now: dt.datetime) -> None:
    """A cart kept outside the database may outlive its order (a crash between commit and clean-up): clean it up now.

    The database's own carts cannot, so they are not asked about. Two checkouts at once of a cart that cannot be
    locked meet at the unique `cart_id`.
    """
    if settings.CART_STORE == "database":
        return
    order = Order.objects.filter(cart_id=cart.cart_id).only("pk", "order_number").first()
    if order is None:
        return
    ordered = dict(OrderItem.objects.filter(order=order).values_list("variant_id", "quantity"))
    discard_ordered_cart(owner=owner, cart_id=cart.cart_id, ordered=ordered, now=now)
    raise CartAlreadyOrdered(
        f"This cart became order {order.order_number}.", order_id=str(order.pk), order_number=order.order_number
    )


def _require_payable(quote: Quote) -> None:
    if max(quote.subtotal, quote.total_amount) > LARGEST_AMOUNT:
        raise OrderTooLarge(f"An order cannot come to more than {LARGEST_AMOUNT} {quote.currency}.")


def _require_expected_total(expected: Decimal | None, quote: Quote) -> None:
    if expected is None or expected == quote.total_amount:
        return
    figures: dict[str, Any] = {
        "expected_total": format_amount(expected, quote.currency),
        "total_amount": format_amount(quote.total_amount, quote.currency),
        "currency": quote.currency,
    }
    detail = f"The total is {figures['total_amount']} {quote.currency}, not {figures['expected_total']}."
    raise TotalChanged(detail, **figures)


def _explain(error: IntegrityError) -> Exception:
    """Return what a broken uniqueness means to the customer. Unknown ones are bugs and stay as they are."""
    if "cart_id" in str(error):
        return CartAlreadyOrdered("This cart is being ordered by another request or was ordered just now.")
    if "order_number" in str(error):
        return OrderNumberTaken(retry_after_seconds=1)
    return error
