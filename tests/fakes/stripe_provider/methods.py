"""Payment methods: the magic names a test pays with, saving them at a customer, taking them away."""

import hashlib
from typing import Any

from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import card_error, refused
from tests.fakes.stripe_provider.parameters import Params, choice, metadata, text, tree

# name: (brand or type, last four digits, what the bank does)
MAGIC: dict[str, tuple[str, str, str]] = {
    "pm_card_visa": ("visa", "4242", "succeeds"),
    "pm_card_mastercard": ("mastercard", "4444", "succeeds"),
    "pm_card_amex": ("amex", "8431", "succeeds"),
    "pm_card_riskLevelElevated": ("visa", "9235", "succeeds"),
    "pm_card_authenticationRequired": ("visa", "3184", "requires_action"),
    "pm_card_chargeDeclined": ("visa", "0002", "card_declined:generic_decline"),
    "pm_card_chargeCustomerFail": ("visa", "0341", "card_declined:generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("visa", "9995", "card_declined:insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("visa", "0069", "expired_card:expired_card"),
    "pm_usBankAccount": ("us_bank_account", "6789", "processing"),
}
_DECLINED_WHEN_SAVED = ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds")


def take(books: Books, name: str, *, param: str = "payment_method") -> Json:
    """Return the method of this id; a magic name becomes a new method each time, as at the provider."""
    if name not in MAGIC:
        return books.get("payment_method", name, param=param)
    brand, last4, behaviour = MAGIC[name]
    kind = "us_bank_account" if brand == "us_bank_account" else "card"
    return books.put(
        "payment_method",
        "pm",
        allow_redisplay="unspecified",
        billing_details={"address": None, "email": None, "name": None, "phone": None},
        customer=None,
        metadata={},
        type=kind,
        **{kind: _card(brand, last4) if kind == "card" else {"bank_name": "STRIPE TEST BANK", "last4": last4}},
        _behaviour=behaviour,
        _magic=name,
        _is_spent=False,
    )


def _card(brand: str, last4: str) -> Json:
    return {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": hashlib.sha256(f"{brand}{last4}".encode()).hexdigest()[:16],
        "funding": "credit",
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def refuse_foreign(method: Json, customer: str | None) -> None:
    """Return when whoever pays may use this method."""
    if method["customer"] and method["customer"] != customer:
        raise refused("The payment method belongs to another customer.", param="payment_method")
    if method["_is_spent"]:
        raise refused(
            "The payment method was used or detached before: it cannot be used again.", param="payment_method"
        )


def retrieve(books: Books, params: Params, name: str) -> Json:
    return books.get("payment_method", name)


def update(books: Books, params: Params, name: str) -> Json:
    method = books.get("payment_method", name)
    if not method["customer"]:
        raise refused("A payment method has to be saved before it can be changed.")
    method["metadata"] |= metadata(params)
    method["billing_details"] |= tree(params, "billing_details")
    method["allow_redisplay"] = text(params, "allow_redisplay") or method["allow_redisplay"]
    books.emit("payment_method.updated", method)
    return method


def attach(books: Books, params: Params, name: str) -> Json:
    customer = books.get("customer", text(params, "customer", required=True), param="customer")
    method = take(books, name)
    if method["_magic"] in _DECLINED_WHEN_SAVED and not method["customer"]:
        raise card_error("card_declined", decline_code="generic_decline")
    refuse_foreign(method, customer["id"])
    return save(books, method, customer["id"])


def save(books: Books, method: Json, customer: str) -> Json:
    """Save the method at the customer; nothing happens when it is there already."""
    if method["customer"] != customer:
        method["customer"] = customer
        books.emit("payment_method.attached", method)
    return method


def detach(books: Books, params: Params, name: str) -> Json:
    method = books.get("payment_method", name)
    before = method["customer"]
    if before is None:
        raise refused("The payment method is not attached to a customer.", param="payment_method")
    method["customer"], method["_is_spent"] = None, True
    books.emit("payment_method.detached", method, customer=before)
    return method


def find(books: Books, params: Params, customer: str = "") -> list[Json]:
    name = customer or text(params, "customer")
    if name:
        books.get("customer", name, param="customer")
    kind = choice(params, "type", ("card", "us_bank_account"))
    # Without a customer nothing is listed here: what nobody saved belongs to nobody.
    return list(books.find("payment_method", customer=name, type=kind)) if name else []


def retrieve_of_customer(books: Books, params: Params, customer: str, name: str) -> Json:
    books.get("customer", customer)
    method = books.get("payment_method", name)
    if method["customer"] != customer:
        return books.get("payment_method", "", param="payment_method")
    return method


def details(method: Json) -> dict[str, Any]:
    """Return what a charge tells of the method it was made with."""
    kind: str = method["type"]
    return {"type": kind, kind: method[kind]}
