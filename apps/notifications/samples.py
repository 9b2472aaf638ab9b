"""One letter of every kind with made-up data, for the preview and for tests."""

from decimal import Decimal
from typing import Any

from apps.notifications.services.order_mails import LineView, OrderView
from apps.notifications.services.seller_news import Sale
from apps.orders.models import Order
from apps.orders.states import PaymentMethod, PaymentStatus
from core.ids import new_id

LINK = "https://shop.example.com/account/verify-email#token=an-example"
TRACKING_URL = "https://parcels.example.com/track?number=47110815&lang=en"
BACK_OFFICE = "https://shop.example.com/admin/"
_ADDRESS = {
    "full_name": "Ada Lovelace",
    "address_line1": "1 Analytical Way",
    "city": "Austin",
    "state": "TX",
    "postal_code": "78701",
    "country": "US",
}
_LINES = (
    LineView("Linen shirt - Medium", "LS-M", 2, "50.00"),
    LineView("Mug <large> & heavy", "", 1, "8.00"),
)


def sample_letters() -> dict[str, dict[str, Any]]:
    """Return the context of a letter by its kind, in the order of a customer's way through the shop."""
    order = _order(PaymentMethod.STRIPE, PaymentStatus.PAID)
    link = {"link": LINK, "name": "Ada"}
    return {
        "welcome": {**link, "hours": 72, "minutes": 0},
        "verify_email": {**link, "hours": 72, "minutes": 0},
        "password_reset": {**link, "hours": 0, "minutes": 45},
        "password_changed": {},
        "sign_in_ended": {"ip_address": "203.0.113.9"},
        "order_confirmation": {"order": _order(PaymentMethod.COD, PaymentStatus.PENDING)},
        "order_paid": {"order": order},
        "order_shipped": {"order": _order(PaymentMethod.COD, PaymentStatus.PENDING)},
        "order_tracking_changed": {"order": order},
        "order_delivered": {"order": order},
        "order_cancelled": {"order": order, "is_expired": False, "is_paid": True},
        "order_revived": {"order": order},
        "order_refunded": {"order": order, "amount": "8.00 USD", "cause": "requested", "reason": "The mug is chipped"},
        "review_request": {"order": order, "link": LINK},
        "new_order": {"number": order.number, "sale": Sale(new_id(), _LINES, "USD"), "link": ""},
        "low_stock": {"name": "Linen shirt - Medium", "sku": "LS-M", "available": 3, "threshold": 5},
        **_operators(order.number),
    }


def _operators(number: str) -> dict[str, dict[str, Any]]:
    went_back = {"amount": "8.00 USD", "cause": "surplus", "number": number}
    handler = {"handler": "notifications.order_paid", "event": "orders.paid"}
    return {
        "operator_escalation": {
            "title": "Dispute over 58.00 USD",
            "number": number,
            "holds_fulfilment": True,
            "link": BACK_OFFICE,
        },
        "operator_refund": {**went_back, "link": BACK_OFFICE},
        "operator_dead_letter": {**handler, "link": BACK_OFFICE},
        "operator_webhook_disabled": {
            "host": "partner.example.com",
            "reason": "gone",
            "link": BACK_OFFICE,
        },
    }


def _order(method: PaymentMethod, status: PaymentStatus) -> OrderView:
    order = Order(
        order_number="20260102-000042",
        payment_method=method,
        payment_status=status,
        currency="USD",
        subtotal=Decimal("58.00"),
        discount_amount=Decimal("5.00"),
        shipping_cost=Decimal("5.00"),
        shipping_method_code="standard",
        tax_amount=Decimal("4.64"),
        total_amount=Decimal("62.64"),
        shipping_address=_ADDRESS,
        carrier="Parcel & Sons",
        tracking_number="PS 4711 0815",
        tracking_url=TRACKING_URL,
    )
    address = ("Ada Lovelace", "1 Analytical Way", "78701 Austin TX", "US")
    return OrderView(
        order=order, number=order.order_number, currency="USD", total="62.64", lines=_LINES, address=address
    )
