"""Takes over what the payment ledger says: the order's payment status and what follows from it."""

import datetime as dt
from collections import deque
from typing import Any

from apps.accounts.models import User
from apps.orders.errors import InvalidPaymentTransition
from apps.orders.events import OrderPaid, OrderPaidAfterCancellation
from apps.orders.models import Order
from apps.orders.services.moves import OrderMoves
from apps.orders.services.news import order_event
from apps.orders.states import PAYMENT_REVERSALS, PAYMENT_TRANSITIONS, OrderStatus, PaymentStatus
from core.transactions import atomic


def record_payment_status(
    *,
    order: Order,
    to: PaymentStatus,
    now: dt.datetime,
    actor: User | None = None,
    reason: str = "",
    may_go_back: bool = False,
) -> Order:
    """The order's payment status is `to`, reached along the payment table with a row of history per step.

    `order` comes from `lock_order` in the caller's transaction. Harmless when it is `to` already. A ledger
    that jumped (captured and refunded before we heard of either) is walked through step by step. Paid while
    pending: the order is confirmed. Publishes OrderPaid and OrderConfirmed, or OrderPaidAfterCancellation
    when the order is cancelled. `may_go_back`: money that had gone back is here again (a refund that failed, a dispute
    won in the end), so that steps of PAYMENT_REVERSALS are allowed too; nothing is published for those.
    Raises InvalidPaymentTransition when the table has no way there.
    """
    with atomic():
        before = PaymentStatus(order.payment_status)
        is_back = may_go_back and to in PAYMENT_REVERSALS.get(before, frozenset())
        steps = [to] if is_back else _way(before, to)
        if not steps:
            return order
        moves = OrderMoves(order=order, actor=actor, now=now)
        for step in steps:
            moves.set_payment_status(step, reason=reason)
            if step == PaymentStatus.PAID and not is_back:
                _answer_paid(moves)
        return moves.write()


def _answer_paid(moves: OrderMoves) -> None:
    order = moves.order
    if order.status == OrderStatus.CANCELLED:
        moves.tell(order_event(OrderPaidAfterCancellation, order))
        return
    moves.tell(order_event(OrderPaid, order))
    if order.status == OrderStatus.PENDING:
        moves.move_to(OrderStatus.CONFIRMED, reason="paid")


def _way(start: PaymentStatus, goal: PaymentStatus) -> list[PaymentStatus]:
    """Return the shortest way through the table, without the start. Raises InvalidPaymentTransition."""
    ways: deque[list[PaymentStatus]] = deque([[start]])
    seen = {start}
    while ways:
        way = ways.popleft()
        if way[-1] == goal:
            return way[1:]
        for onward in sorted(PAYMENT_TRANSITIONS[way[-1]] - seen):
            seen.add(onward)
            ways.append([*way, onward])
    told: dict[str, Any] = {"from": start.value, "to": goal.value}
    raise InvalidPaymentTransition(f"A payment status cannot go from {start.value} to {goal.value}.", **told)
