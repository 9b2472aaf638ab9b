"""Makes carts and orders the way customers do: by the services."""

import datetime as dt
from typing import Any

from apps.accounts.models import User
from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item
from apps.inventory.models import Reservation, Stock
from apps.inventory.states import ReservationState
from apps.orders.locks import lock_order
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services.drafting import CheckoutCommand
from apps.orders.services.holds import hold_order
from apps.orders.services.moves import OrderMoves
from apps.orders.services.payment_state import record_payment_status
from apps.orders.services.placement import PlacedOrder, place_order
from apps.orders.services.taking_back import take_back
from apps.orders.states import OrderStatus, PaymentStatus
from apps.products.models import ProductVariant
from core import clock
from core.events.models import OutboxEvent
from core.ids import hash_token, new_token
from core.invariants import check_invariants
from core.transactions import atomic
from tests.factories import ADDRESS, default_variant, make_product, make_user

WAYS = {
    OrderStatus.PENDING: (),
    OrderStatus.CONFIRMED: (OrderStatus.CONFIRMED,),
    OrderStatus.PROCESSING: (OrderStatus.CONFIRMED, OrderStatus.PROCESSING),
    OrderStatus.SHIPPED: (OrderStatus.CONFIRMED, OrderStatus.PROCESSING, OrderStatus.SHIPPED),
    OrderStatus.DELIVERED: (
        OrderStatus.CONFIRMED, OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED,
    ),
    OrderStatus.CANCELLED: (OrderStatus.CANCELLED,),
    OrderStatus.RETURNED: (
        OrderStatus.CONFIRMED, OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED,
        OrderStatus.RETURNED,
    ),
}  # fmt: skip


def guest() -> tuple[CartOwner, str]:
    """Return a new guest and the cart token that is theirs."""
    token = new_token()
    return CartOwner(token_hash=hash_token(token)), token


def fill_cart(owner: User | CartOwner, *goods: tuple[ProductVariant, int]) -> CartOwner:
    """Put units of variants into the owner's cart."""
    holder = CartOwner(user_id=owner.pk) if isinstance(owner, User) else owner
    for variant, quantity in goods:
        add_item(owner=holder, product_id=variant.product_id, variant_id=variant.pk, quantity=quantity, now=clock.now())
    return holder


def checkout(user: User | None, owner: CartOwner, now: dt.datetime | None = None, **fields: Any) -> PlacedOrder:
    """Place an order of the owner's cart, to ADDRESS unless told otherwise."""
    fields.setdefault("email", "guest@example.com")
    fields.setdefault("shipping_address", ADDRESS)
    command = CheckoutCommand(owner=owner, user=user, **fields)
    return place_order(command=command, now=now or clock.now())


def make_order(
    *goods: tuple[ProductVariant, int], user: User | None = None, now: dt.datetime | None = None, **fields: Any
) -> Order:
    """Return a customer's order of these goods, or of two units of a new product at 10.00. Pending unless it is cod."""
    user = user or make_user()
    fields.setdefault("payment_method", "simulated")
    owner = fill_cart(user, *(goods or ((default_variant(make_product()), 2),)))
    return checkout(user, owner, now, **fields).order


def make_order_in(status: OrderStatus, *goods: tuple[ProductVariant, int], **fields: Any) -> Order:
    """Return an order that was brought to a status along the state table."""
    order = make_order(*goods, **fields)
    for step in WAYS[status]:
        if order.status != step:
            order = force_move(order, step)
    return order


def force_move(order: Order, to: OrderStatus) -> Order:
    """Move the order as the shop itself, without asking who may."""
    with atomic():
        moves = OrderMoves(order=lock_order(order.pk), actor=None, now=clock.now())
        moves.move_to(to)
        return moves.write()


def pay(order: Order, to: PaymentStatus = PaymentStatus.PAID) -> Order:
    """Record what a payment ledger says."""
    with atomic():
        return record_payment_status(order=lock_order(order.pk), to=to, now=clock.now())


def hold(order: Order) -> Order:
    """Put the order on hold."""
    with atomic():
        order = lock_order(order.pk)
        hold_order(order=order, now=clock.now())
        return order


def take_back_units(order: Order, *units: int, reference: str = "refund:1", **more: Any) -> Order:
    """Take back so many units of each of the order's lines, onto the shelf unless told otherwise."""
    items = OrderItem.objects.filter(order=order).order_by("position").values_list("pk", flat=True)
    details = {"shipping": False, "restock": True, "actor": None, "reason": "as asked", "now": clock.now()} | more
    with atomic():
        order = lock_order(order.pk)
        quantities = {item_id: count for item_id, count in zip(items, units, strict=False) if count}
        take_back(order=order, quantities=quantities, reference=reference, **details)
        return order


def violations() -> dict[str, tuple[str, ...]]:
    """Return what the invariants find; those of payments are left out, because here nobody really pays."""
    found = {finding.name: finding.violations for finding in check_invariants() if finding.violations}
    return {name: lines for name, lines in found.items() if not name.startswith(("payments.", "invoices."))}


def history(order: Order, field: str = "status") -> list[tuple[str, str, str]]:
    """Return (from, to, reason) of every move of one of the order's states."""
    changes = OrderStatusChange.objects.filter(order=order, field=field)
    return list(changes.values_list("from_state", "to_state", "reason"))


def news(order: Order) -> list[str]:
    """Return the names of the events about the order, in their order."""
    return list(OutboxEvent.objects.filter(aggregate_id=str(order.pk)).order_by("id").values_list("name", flat=True))


def stock_of(variant: ProductVariant) -> tuple[int, int]:
    """Return (on_hand, reserved)."""
    stock = Stock.objects.get(variant=variant)
    return stock.on_hand, stock.reserved


def nothing_was_ordered() -> bool:
    """True if there is no order, no line, no history, no reservation and no news of an order."""
    return not (
        Order.objects.exists()
        or OrderItem.objects.exists()
        or OrderStatusChange.objects.exists()
        or Reservation.objects.filter(state=ReservationState.OPEN).exists()
        or OutboxEvent.objects.filter(name__startswith="orders.").exists()
    )
