"""Drafts the rows of a new order from a cart and its quote. Writes nothing."""

import dataclasses
import datetime as dt
import uuid
from decimal import Decimal

from django.conf import settings

from apps.accounts.models import User
from apps.cart.owners import CartOwner
from apps.cart.services.checkout import LockedCart
from apps.orders.events import OrderConfirmed, OrderEvent, OrderPlaced
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services.news import order_event
from apps.orders.services.numbers import new_order_number
from apps.orders.states import OrderStatus, PaymentMethod, PaymentStatus
from apps.pricing.quotes import PricedLine, Quote
from core.ids import hash_token


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutCommand:
    """What a customer asks for. Addresses are complete and checked; `user` is None for a guest.

    `expected_total` is the total the customer agreed to, if they say so; `language` is that of the mails to come.
    """

    owner: CartOwner
    user: User | None
    email: str
    shipping_address: dict[str, str]
    billing_address: dict[str, str] | None = None
    shipping_method: str | None = None
    payment_method: str = PaymentMethod.COD
    notes: str = ""
    expected_total: Decimal | None = None
    language: str = ""


def lines_to_price(cart: LockedCart) -> list[PricedLine]:
    return [
        PricedLine(
            variant_id=line.variant_id,
            product_id=line.sellable.product_id,
            name=line.sellable.name,
            sku=line.sellable.sku,
            quantity=line.quantity,
            unit_price=line.sellable.unit_price,
            weight_grams=line.sellable.weight_grams,
            tax_category=line.sellable.tax_category,
            is_taxable=line.sellable.is_taxable,
            requires_shipping=line.sellable.requires_shipping,
        )
        for line in cart.lines
    ]


def draft_order(
    command: CheckoutCommand, cart: LockedCart, quote: Quote, order_token: str | None, now: dt.datetime
) -> Order:
    is_certain = command.payment_method == PaymentMethod.COD
    return Order(
        order_number=new_order_number(),
        user=command.user,
        email=command.user.email if command.user is not None else command.email,
        order_token_hash=hash_token(order_token) if order_token else None,
        cart_id=cart.cart_id,
        status=OrderStatus.CONFIRMED if is_certain else OrderStatus.PENDING,
        payment_method=command.payment_method,
        currency=quote.currency,
        subtotal=quote.subtotal,
        discount_amount=quote.discount_amount,
        shipping_cost=quote.shipping_cost,
        tax_amount=quote.tax_amount,
        total_amount=quote.total_amount,
        prices_include_tax=quote.prices_include_tax,
        pricing_steps=quote.steps_as_data(),
        shipping_method_code=quote.shipping_method_code,
        shipping_method_name=quote.shipping_method_name,
        shipping_address=command.shipping_address,
        billing_address=command.billing_address or command.shipping_address,
        notes=command.notes,
        language=command.language,
        confirmed_at=now if is_certain else None,
        expires_at=None if is_certain else now + dt.timedelta(minutes=settings.ORDER_EXPIRY_MINUTES),
    )


def draft_items(order: Order, cart: LockedCart, quote: Quote) -> list[OrderItem]:
    sellers = {line.variant_id: line.sellable.seller_id for line in cart.lines}
    return [
        OrderItem(
            order=order,
            product_id=line.product_id,
            variant_id=line.variant_id,
            seller_id=sellers[line.variant_id],
            position=position,
            name=line.name,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=line.unit_price,
            discount_amount=line.discount_amount,
            tax_rate=line.tax_rate,
            tax_amount=line.tax_amount,
            total=line.line_total,
            currency=quote.currency,
        )
        for position, line in enumerate(quote.lines)
    ]


def draft_history(order: Order, actor: User | None) -> list[OrderStatusChange]:
    """The rows that lead to where the order begins; a certain order was pending for no time at all."""
    steps = [("status", "", OrderStatus.PENDING), ("payment_status", "", PaymentStatus.PENDING)]
    if order.status == OrderStatus.CONFIRMED:
        steps.append(("status", OrderStatus.PENDING, OrderStatus.CONFIRMED))
    return [
        OrderStatusChange(order=order, field=field, from_state=before, to_state=after, reason="placed", actor=actor)
        for field, before, after in steps
    ]


def draft_news(order: Order) -> list[OrderEvent]:
    kinds = [OrderPlaced, OrderConfirmed] if order.status == OrderStatus.CONFIRMED else [OrderPlaced]
    return [order_event(kind, order) for kind in kinds]


def demand_of(cart: LockedCart) -> dict[uuid.UUID, int]:
    demand: dict[uuid.UUID, int] = {}
    for line in cart.lines:
        demand[line.variant_id] = demand.get(line.variant_id, 0) + line.quantity
    return demand
