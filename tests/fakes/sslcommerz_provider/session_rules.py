"""What a request for a session must look like."""

import re
from collections.abc import Mapping
from decimal import Decimal

MANDATORY = {
    "total_amount": 13, "currency": 3, "tran_id": 30, "product_category": 100, "success_url": 255, "fail_url": 255,
    "cancel_url": 255, "cus_name": 50, "cus_email": 50, "cus_add1": 50, "cus_city": 50, "cus_postcode": 30,
    "cus_country": 50, "cus_phone": 20, "shipping_method": 50, "num_of_item": 2, "product_name": 255,
    "product_profile": 100,
}  # fmt: skip
OPTIONAL = {
    "ipn_url": 255, "multi_card_name": 255, "allowed_bin": 255, "emi_option": 1, "emi_max_inst_option": 2,
    "emi_selected_inst": 2, "emi_allow_only": 1, "cart": 100_000, "product_amount": 13, "vat": 13,
    "discount_amount": 13, "convenience_fee": 13, "cus_add2": 50, "cus_state": 50, "cus_fax": 20, "value_a": 255,
    "value_b": 255, "value_c": 255, "value_d": 255, "ship_name": 50, "ship_add1": 50, "ship_add2": 50, "ship_area": 50,
    "ship_city": 50, "ship_sub_city": 50, "ship_state": 50, "ship_postcode": 50, "ship_country": 50,
    "weight_of_items": 10,
}  # fmt: skip
SHIPMENT = ("ship_name", "ship_add1", "ship_city", "ship_postcode", "ship_country")
SHIPPING_METHODS = ("YES", "NO", "COURIER", "SSLCOMMERZ_LOGISTIC")
PROFILES = ("general", "physical-goods", "non-physical-goods")
LEAST, MOST = Decimal("10.00"), Decimal("500000.00")
# What one unit of a currency is in BDT here; the real rates change by the hour.
RATES = {"BDT": Decimal("1.0000"), "USD": Decimal("120.0000"), "EUR": Decimal("130.0000"), "GBP": Decimal("150.0000")}


def find_fault(form: Mapping[str, str]) -> str:
    """Return why no session can be made, "" when it can."""
    return _missing(form) or _too_long(form) or _wrong_choice(form) or _wrong_url(form) or _wrong_amount(form)


def in_bdt(amount: str, currency: str) -> Decimal:
    """Return an amount converted as it will be settled."""
    return (Decimal(amount) * RATES[currency]).quantize(Decimal("0.01"))


def _missing(form: Mapping[str, str]) -> str:
    needed = [*MANDATORY, *(SHIPMENT if form.get("shipping_method", "").upper() == "YES" else ())]
    empty = [name for name in needed if not form.get(name, "").strip()]
    return f"Invalid Information! '{empty[0]}' is missing or empty." if empty else ""


def _too_long(form: Mapping[str, str]) -> str:
    limits = MANDATORY | OPTIONAL
    for name, value in form.items():
        if len(value) > limits.get(name, 255):
            return f"Invalid Information! '{name}' is longer than {limits.get(name, 255)}."
    return ""


def _wrong_choice(form: Mapping[str, str]) -> str:
    if form["shipping_method"].upper() not in SHIPPING_METHODS:
        return "Invalid Information! 'shipping_method' is not known."
    if form["product_profile"] not in PROFILES:
        return "Invalid Information! 'product_profile' is not known or needs fields of its own."
    return "" if form["num_of_item"].isdigit() else "Invalid Information! 'num_of_item' is not a number."


def _wrong_url(form: Mapping[str, str]) -> str:
    for name in ("success_url", "fail_url", "cancel_url", "ipn_url"):
        if form.get(name) and re.match(r"^https?://[^\s/]+", form[name]) is None:
            return f"Invalid Information! '{name}' is not an address."
    return ""


def _wrong_amount(form: Mapping[str, str]) -> str:
    if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,2})?", form["total_amount"]) is None:
        return "Invalid Information! 'total_amount' is not decimal(10,2)."
    if form["currency"] not in RATES:
        return "Invalid Information! 'currency' is not supported."
    if not LEAST <= in_bdt(form["total_amount"], form["currency"]) <= MOST:
        return "Invalid Information! 'total_amount' must be from 10.00 to 500000.00 BDT."
    return ""
