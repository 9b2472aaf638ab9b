"""Asking customers, some days after the delivery, what they think of their order."""

import datetime as dt

from django.conf import settings

from apps.notifications.models import SentEmail
from apps.notifications.selectors import wants
from apps.notifications.services.mailing import Letter, send_once
from apps.notifications.services.message_ids import known_names
from apps.notifications.services.order_mails import view_order
from apps.notifications.states import Channel, Kind
from apps.orders.models import Order
from apps.orders.states import OrderStatus

LATE_DAYS = 3  # how long after its day an order is still asked about, when nobody worked in between
MAILS_PER_RUN = 200
KIND = "review_request"


def ask_for_reviews(*, now: dt.datetime) -> int:
    """Orders delivered settings.REVIEW_REQUEST_DAYS ago have been asked about, once; return how many mails went now.

    With 0 days nobody is asked. Returned orders and customers who do not wish for this kind of mail are passed over.
    At most MAILS_PER_RUN at a time. To be called outside transactions.
    """
    if not settings.REVIEW_REQUEST_DAYS:
        return 0
    asked = 0
    for order in _not_asked(_delivered(now)):
        asked += _ask(order)
        if asked == MAILS_PER_RUN:
            break
    return asked


def _delivered(now: dt.datetime) -> list[Order]:
    latest = now - dt.timedelta(days=settings.REVIEW_REQUEST_DAYS)
    window = (latest - dt.timedelta(days=LATE_DAYS), latest)
    delivered = Order.objects.filter(status=OrderStatus.DELIVERED, delivered_at__range=window)
    columns = ("pk", "order_number", "user_id", "email", "language")
    return list(delivered.order_by("delivered_at", "id").only(*columns))


def _not_asked(orders: list[Order]) -> list[Order]:
    names = {name: order.pk for order in orders for name in known_names(kind=KIND, event_id=str(order.pk))}
    sent = SentEmail.objects.filter(message_id__in=names).values_list("message_id", flat=True)
    asked = {names[name] for name in sent}
    return [order for order in orders if order.pk not in asked]


def _ask(order: Order) -> bool:
    if not wants(user_id=order.user_id, kind=Kind.REVIEW_REQUEST, channel=Channel.MAIL):
        return False
    letter = Letter(
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
    return send_once(letter=letter)
