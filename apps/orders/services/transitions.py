"""Moves an order by hand along its state table, under the order's row lock."""

import datetime as dt
import uuid

from apps.accounts.models import User
from apps.orders.errors import OrderHasOtherSellers, OrderNotFound
from apps.orders.locks import lock_with_items
from apps.orders.models import Order
from apps.orders.services.moves import OrderMoves, allowed_moves, refuse_move
from apps.orders.states import OrderStatus
from core.errors import Forbidden
from core.transactions import atomic


def move_order(
    *, order_id: uuid.UUID, to: OrderStatus, actor: User | None, reason: str = "", now: dt.datetime
) -> Order:
    """The order is in `to`, with a row of history, its stock moved and its event published. Returns it.

    `actor` None is the shop itself. Locks the order, then stock. Publishes the event of the state reached.
    Raises OrderNotFound (also for a seller without a line in it), OrderHasOtherSellers, Forbidden (a
    customer) and InvalidTransition, which the same state twice, an unpaid order to be confirmed and an order on
    hold to be packed or sent are as well.
    """
    with atomic():
        order = lock_with_items(order_id)
        require_right_to_move(order, actor)
        if to not in allowed_moves(order):
            raise refuse_move(order, to)
        moves = OrderMoves(order=order, actor=actor, now=now)
        moves.move_to(to, reason=reason)
        return moves.write()


def require_right_to_move(order: Order, actor: User | None) -> None:
    """Raise Forbidden, OrderNotFound or OrderHasOtherSellers unless the actor may. The order's lines are fetched."""
    if actor is None or actor.is_admin:
        return
    if not actor.is_seller:
        raise Forbidden("Only the shop and its sellers move an order.")
    sellers = {item.seller_id for item in order.fetched_items or ()}
    if actor.pk not in sellers:
        raise OrderNotFound
    if sellers != {actor.pk}:
        raise OrderHasOtherSellers
