"""What SSLCommerz wants to know before it shows a page to pay on: parameters of its API v4, each within its length."""

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings

from apps.payments.gateways.base import Attempt, Buyer, GatewayError, StartRequest
from apps.payments.gateways.sslcommerz_client import HOME_CURRENCY
from apps.payments.gateways.sslcommerz_names import name_of
from core.money import exponent, format_amount

SMALLEST, LARGEST = Decimal(10), Decimal(500_000)
RETURN_PATH = "/api/v1/payments/return/sslcommerz/"
WEBHOOK_PATH = "/api/v1/payments/webhook/sslcommerz/"
OUTCOMES = ("success", "fail", "cancel")
_UNKNOWN = "Unknown"  # for what is mandatory there and optional here
_NOBODYS_EMAIL = "unknown@example.com"
_NOBODYS_PHONE = "00000000000"


def session_fields(request: StartRequest) -> dict[str, str]:
    """Return the parameters of a session but for the store's own.

    Raises GatewayError for good: amount_out_of_range, currency_not_supported.
    """
    _check_amount(request.attempt)
    return {**_of_the_attempt(request.attempt), **_addresses(), **_of_the_buyer(request.buyer)}


def written(amount: Decimal, currency: str) -> str:
    """Return an amount as the API wants it, with two decimals. Raises GatewayError (currency_not_supported)."""
    if exponent(currency) > 2:
        raise GatewayError("currency_not_supported", permanent=True)
    return format_amount(amount, currency)


def _check_amount(attempt: Attempt) -> None:
    """In another currency than taka only the provider, who converts, knows whether it is within the limits."""
    if attempt.amount <= 0 or (attempt.currency == HOME_CURRENCY and not SMALLEST <= attempt.amount <= LARGEST):
        raise GatewayError("amount_out_of_range", permanent=True)
    if len(written(attempt.amount, attempt.currency)) > 11:  # decimal(10,2)
        raise GatewayError("amount_out_of_range", permanent=True)


def _of_the_attempt(attempt: Attempt) -> dict[str, str]:
    return {
        "total_amount": written(attempt.amount, attempt.currency),
        "currency": attempt.currency,
        "tran_id": name_of(attempt.id),
        "product_name": _fit(f"Order {attempt.order_number}", 255),
        "product_category": "general",
        "product_profile": "general",
        "num_of_item": "1",
        "shipping_method": "NO",  # the shop sends by itself, and the addresses are nothing the provider needs
        "value_a": str(attempt.id),
        "value_b": str(attempt.order_id),
    }


def _addresses() -> dict[str, str]:
    shop = settings.PUBLIC_URL.rstrip("/")
    returns = {f"{outcome}_url": f"{shop}{RETURN_PATH}{outcome}/" for outcome in OUTCOMES}
    return {**returns, "ipn_url": f"{shop}{WEBHOOK_PATH}"}


def _of_the_buyer(buyer: Buyer) -> dict[str, str]:
    address: Mapping[str, str] = buyer.address
    return {
        "cus_name": _fit(address.get("full_name", ""), 50),
        # One that is too long is left out: cut off, it would be somebody else's.
        "cus_email": buyer.email if 0 < len(buyer.email) <= 50 else _NOBODYS_EMAIL,
        "cus_add1": _fit(address.get("address_line1", ""), 50),
        "cus_add2": _fit(address.get("address_line2", ""), 50),
        "cus_city": _fit(address.get("city", ""), 50),
        "cus_state": _fit(address.get("state", ""), 50),
        "cus_postcode": _fit(address.get("postal_code", ""), 30),
        "cus_country": _fit(address.get("country", ""), 50),
        "cus_phone": _fit(address.get("phone_number", ""), 20, otherwise=_NOBODYS_PHONE),
    }


def _fit(text: str | None, length: int, otherwise: str = _UNKNOWN) -> str:
    """Return the text on one line and within its length, something else if nothing of it is left."""
    return " ".join((text or "").split())[:length].strip() or otherwise
