"""Ships an order with what is known of its parcel, and corrects that while the parcel is on its way."""

import datetime as dt
import uuid

from apps.accounts.models import User
from apps.orders.errors import OrderNotOnItsWay
from apps.orders.events import OrderTrackingChanged
from apps.orders.locks import lock_with_items
from apps.orders.models import Order
from apps.orders.services.moves import OrderMoves, allowed_moves, refuse_move
from apps.orders.services.news import tracking_event
from apps.orders.services.transitions import require_right_to_move
from apps.orders.states import OrderStatus
from apps.orders.tracking import Tracking
from core.transactions import atomic


def ship_order(
    *, order_id: uuid.UUID, tracking: Tracking, actor: User | None, reason: str = "", now: dt.datetime
) -> Order:
    """The order is shipped and says how its parcel is tracked. Returns it.

    As `move_order` to shipped, with its locks, errors and event. With tracking, an order that is shipped already is
    corrected instead, as by `correct_tracking`: a request that is sent again does no harm.
    """
    with atomic():
        order = lock_with_items(order_id)
        require_right_to_move(order, actor)
        moves = OrderMoves(order=order, actor=actor, now=now)
        if order.status == OrderStatus.SHIPPED and tracking.given():
            return _correct(moves, tracking)
        if OrderStatus.SHIPPED not in allowed_moves(order):
            raise refuse_move(order, OrderStatus.SHIPPED)
        moves.set_tracking(tracking)
        moves.move_to(OrderStatus.SHIPPED, reason=reason)
        return moves.write()


def correct_tracking(*, order_id: uuid.UUID, tracking: Tracking, actor: User | None, now: dt.datetime) -> Order:
    """The order, shipped and not delivered yet, says of its parcel what is given. Returns it.

    Nothing happens when it says so already. Locks the order. Publishes OrderTrackingChanged. Raises OrderNotOnItsWay,
    and as `move_order` does for who may not: OrderNotFound, OrderHasOtherSellers, Forbidden.
    """
    with atomic():
        order = lock_with_items(order_id)
        require_right_to_move(order, actor)
        if order.status != OrderStatus.SHIPPED:
            detail = f"Order {order.order_number} is {order.status}: only a shipped order is tracked."
            raise OrderNotOnItsWay(detail, order_status=str(order.status))
        return _correct(OrderMoves(order=order, actor=actor, now=now), tracking)


def _correct(moves: OrderMoves, tracking: Tracking) -> Order:
    if not moves.set_tracking(tracking):
        return moves.order
    moves.tell(tracking_event(OrderTrackingChanged, moves.order))
    return moves.write()
