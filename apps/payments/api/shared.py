"""What every version of the payments API shares: the shape of a payment, and the refusal of card data."""

import uuid
from typing import Any

from django.conf import settings
from rest_framework.request import Request

from apps.payments.models import Payment
from core.api.errors import BodyTooLarge
from core.api.idempotency import principal_of, read_key
from core.card_numbers import holds_card_number, mask_card_numbers
from core.errors import FieldError, InvalidInput
from core.ids import hash_token
from core.money import format_amount

BODY_MAX = 65_536  # characters: looking for numbers in more takes time, and nothing here needs more
_CARD_FIELDS = frozenset(
    {"card", "card_number", "cardnumber", "number", "pan", "cvc", "cvc2", "cvv", "cvv2", "cid", "card_cvc", "exp_month"}
)


class CardDataRefused(InvalidInput):
    """A field is, or is named like, card data: cards go to the provider's page and never through the shop."""

    code = "card_data_refused"
    title = "Card data does not belong here"


def refuse_card_data(data: Any) -> None:
    """Raise CardDataRefused when a field of the body is named like card data, or what may be a card's number stands in
    its value or its name.

    The error names the field and repeats nothing of it, so that no log and no answer holds a number. Raises
    BodyTooLarge for more than BODY_MAX characters.
    """
    if len(str(data)) > BODY_MAX:
        raise BodyTooLarge(f"The body is larger than {BODY_MAX} characters.")
    at = next(_card_fields(data), None)
    if at is not None:
        detail = "Card data goes to the payment provider's page, never through the shop."
        raise CardDataRefused(detail, errors=(FieldError(at, "card_data_refused", detail),))


def shape_payment(payment: Payment) -> dict[str, Any]:
    """Return the payment as clients see it. What a client goes on with is told while the attempt is open."""
    return {
        "id": payment.pk,
        "order_id": payment.order_id,
        "provider": payment.provider,
        "status": payment.status,
        "amount": format_amount(payment.amount, payment.currency),
        "currency": payment.currency,
        "transaction_id": payment.transaction_id or None,
        "client_secret": (payment.is_open and payment.client_secret) or None,
        "redirect_url": (payment.is_open and payment.redirect_url) or None,
        "created_at": payment.created_at,
    }


def public_key_of(provider: str) -> str | None:
    """Return the key that the provider's own page is shown with, None if it takes none."""
    return {"stripe": settings.STRIPE_PUBLIC_KEY or None}.get(provider)


def payment_location(request: Request, payment_id: uuid.UUID) -> str:
    """Return the path of a payment below the door the request came through."""
    version = next((name for name in ("v1", "v2") if request.path.startswith(f"/api/{name}/")), None)
    return f"/api/{version}/payments/{payment_id}/" if version else f"/api/payments/{payment_id}/"


def request_key_of(request: Request) -> str:
    """Return a hash that stands for the caller's Idempotency-Key, "" without one."""
    key = read_key(request)
    return hash_token(f"{principal_of(request)}\n{key}") if key else ""


def _card_fields(data: Any, path: str = "") -> Any:
    if isinstance(data, dict):
        for name, value in data.items():
            at = f"{path}.{mask_card_numbers(name)}".strip(".")
            if name.lower().replace("-", "_") in _CARD_FIELDS or holds_card_number(name):
                yield at[:100]
            yield from _card_fields(value, at)
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from _card_fields(value, f"{path}.{position}".strip("."))
    elif holds_card_number(_as_text(data)):
        yield path[:100]


def _as_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
