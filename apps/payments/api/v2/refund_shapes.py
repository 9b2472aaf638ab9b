"""The v2 shape of a refund."""

import uuid
from typing import Any

from apps.payments.models import Refund, RefundLine
from core.money import ZERO, format_amount


def shape_refund(refund: Refund) -> dict[str, Any]:
    """Return all of the refund. Its payment and lines are fetched with it."""
    return {
        "id": refund.pk,
        "order_id": refund.payment.order_id,
        "payment_id": refund.payment_id,
        "amount": format_amount(refund.amount, refund.currency),
        "currency": refund.currency,
        "state": refund.state,
        "cause": refund.cause,
        "reason": refund.reason,
        "lines": [_shape_line(line) for line in refund.lines.all()],
        "shipping": refund.takes_shipping,
        "restocked": refund.restocked,
        "created_at": refund.created_at,
        "failure_code": refund.failure_code or None,
    }


def shape_sellers_part(refund: Refund, *, seller_id: uuid.UUID) -> dict[str, Any]:
    """Return what concerns the seller: own lines and what these came to. The lines' order items are fetched too."""
    own = [line for line in refund.lines.all() if line.order_item.seller_id == seller_id]
    amount = sum((line.amount for line in own), ZERO)
    return {
        **shape_refund(refund),
        "amount": format_amount(amount, refund.currency),
        "lines": [_shape_line(line) for line in own],
        "shipping": False,
    }


def _shape_line(line: RefundLine) -> dict[str, Any]:
    return {
        "item_id": line.order_item_id,
        "quantity": line.quantity,
        "amount": format_amount(line.amount, line.currency),
    }
