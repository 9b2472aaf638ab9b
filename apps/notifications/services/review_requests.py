"""Asking customers, some days after the delivery, what they think of their order."""

import datetime as dt
import logging
import secrets
import time
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.notifications.models import OptOut, SentEmail
from apps.notifications.services.mailing import Letter, send_once
from apps.notifications.services.message_ids import known_names
from apps.notifications.services.order_mails import view_order
from apps.notifications.states import Channel, Kind
from apps.orders.models import Order
from apps.orders.states import OrderStatus

LATE_DAYS = 3  # how long after its day an order is still asked about, when nobody worked in between
MAILS_PER_RUN = 200
ORDERS_PER_ROUND = 500
LONGEST_RUN_SECONDS = 60.0  # a mail server that says nothing is not asked for hours on end
KIND = "review_request"
_random = secrets.SystemRandom()
logger = logging.getLogger("shop.mail")


def ask_for_reviews(*, now: dt.datetime) -> int:
    """Orders delivered settings.REVIEW_REQUEST_DAYS ago have been asked about, once; return how many mails went now.

    With 0 days nobody is asked. Returned orders and customers who do not wish for this kind of mail are passed over.
    An order whose mail fails is logged and tried again by the next run; it keeps no other from being asked about. At
    most MAILS_PER_RUN at a time, none begun after LONGEST_RUN_SECONDS. Two statements for ORDERS_PER_ROUND orders that
    need no mail. To be called outside transactions.
    """
    if not settings.REVIEW_REQUEST_DAYS:
        return 0
    asked, begun_at = 0, time.monotonic()
    for order in _not_asked(now):
        if asked == MAILS_PER_RUN or time.monotonic() - begun_at >= LONGEST_RUN_SECONDS:
            break
        asked += _ask(order)
    return asked


def _not_asked(now: dt.datetime) -> Iterator[Order]:
    """Yield the orders to ask about, round by round. Chance has the order within a round: those whose mails take long
    do not use up each run before the same others."""
    for orders in _rounds(_delivered(now)):
        names = {name: order for order in orders for name in known_names(kind=KIND, event_id=str(order.pk))}
        sent = SentEmail.objects.filter(message_id__in=names).values_list("message_id", flat=True)
        asked = {names[name].pk for name in sent}
        waiting = [order for order in orders if order.pk not in asked]
        yield from _random.sample(waiting, len(waiting))


def _rounds(orders: "QuerySet[Order]") -> Iterator[Sequence[Order]]:
    """Yield the orders, the earliest delivery first, at most ORDERS_PER_ROUND at a time."""
    found = list(orders[:ORDERS_PER_ROUND])
    while found:
        yield found
        if len(found) < ORDERS_PER_ROUND:
            return
        last = found[-1]
        later = Q(delivered_at__gt=last.delivered_at) | Q(delivered_at=last.delivered_at, pk__gt=last.pk)
        found = list(orders.filter(later)[:ORDERS_PER_ROUND])


def _delivered(now: dt.datetime) -> "QuerySet[Order]":
    latest = now - dt.timedelta(days=settings.REVIEW_REQUEST_DAYS)
    window = (latest - dt.timedelta(days=LATE_DAYS), latest)
    refused = OptOut.objects.filter(user=OuterRef("user"), kind=Kind.REVIEW_REQUEST, channel=Channel.MAIL)
    delivered = Order.objects.filter(~Exists(refused), status=OrderStatus.DELIVERED, delivered_at__range=window)
    columns = ("pk", "order_number", "delivered_at", "email", "language")
    return delivered.order_by("delivered_at", "pk").only(*columns)


def _ask(order: Order) -> bool:
    try:
        return send_once(letter=_letter(order))
    except (OperationalError, InterfaceError):
        raise  # it is the database that fails: no order could be asked about
    except Exception:
        logger.exception("review request failed", extra={"order": order.order_number})
        return False


def _letter(order: Order) -> Letter:
    return Letter(
        kind=KIND,
        event_id=str(order.pk),  # no event tells that days have passed: one mail for each order
        recipient=order.email,
        language=order.language,
        context={
            "order": view_order(order.pk),
            "link": f"{settings.STOREFRONT_URL.rstrip('/')}/account/orders/{order.pk}",
        },
        reference=order.order_number,
    )
