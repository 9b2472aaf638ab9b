"""Payment methods that Stripe keeps for the shop's customers: cards given on Stripe's own form."""

import hashlib
import re
import uuid
from typing import Any

from django.conf import settings

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.stripe_client import Json, StripeFailure, Trouble, ask, ask_for_all, malformed
from apps.payments.gateways.stripe_objects import UNREADABLE, Object, name_of
from apps.payments.gateways.wallets import METHOD_UNKNOWN, SavedMethod, SetupResult

_LAST4 = re.compile(r"[0-9A-Za-z]{1,4}\Z", re.ASCII)
_REFERENCE = re.compile(r"pm_[A-Za-z0-9_]{1,60}\Z", re.ASCII)
_CARD = "card"


class StripeWallet:
    """A customer of Stripe's per account of the shop; its payment methods are found by that."""

    def create_customer(self, *, user_id: uuid.UUID, email: str) -> str:
        """Return the name of a new customer; within a day the same account with the same address gets the same."""
        params: Any = {"email": email, "metadata": {"user_id": str(user_id)}}
        key = f"customer-{user_id.hex}-{hashlib.sha256(email.encode()).hexdigest()[:16]}"
        return _name_in(ask(lambda client: client.v1.customers.create(params, {"idempotency_key": key})))

    def open_setup(self, *, customer_reference: str, key: str) -> SetupResult:
        """Let the customer give a method on Stripe's form. It is for payments at which they are present."""
        params: Any = {
            "customer": customer_reference,
            "payment_method_types": settings.STRIPE_PAYMENT_METHOD_TYPES or [_CARD],
            "usage": "on_session",
        }
        setup = ask(lambda client: client.v1.setup_intents.create(params, {"idempotency_key": key}))
        secret = setup.get("client_secret")
        if not isinstance(secret, str):
            raise malformed()
        return SetupResult(reference=_name_in(setup), client_secret=secret)

    def save(self, *, customer_reference: str, token: str) -> SavedMethod:
        """Keep the method for the customer. Raises GatewayError (METHOD_UNKNOWN, for good) when there is none of that
        name or it is somebody else's; a card may be declined."""
        if not _REFERENCE.match(token):
            raise GatewayError(METHOD_UNKNOWN, permanent=True)
        try:
            found = ask(lambda client: client.v1.payment_methods.attach(token, {"customer": customer_reference}))
        except StripeFailure as failure:
            if failure.trouble is not Trouble.REFUSED:
                raise
            raise GatewayError(METHOD_UNKNOWN, permanent=True) from None
        return _saved(found)

    def forget(self, *, reference: str) -> None:
        """Stripe keeps the method no longer, and will not take it again."""
        try:
            ask(lambda client: client.v1.payment_methods.detach(reference))
        except StripeFailure as failure:
            if failure.trouble is not Trouble.REFUSED or _is_kept(reference):
                raise

    def list_saved(self, *, customer_reference: str) -> tuple[SavedMethod, ...]:
        """Return all that is kept for the customer, of the types in the settings if they name some."""
        kinds = settings.STRIPE_PAYMENT_METHOD_TYPES or [""]
        return tuple(_saved(method) for kind in kinds for method in _list(customer_reference, kind))


def _list(customer_reference: str, kind: str) -> list[Json]:
    params: Any = {"customer": customer_reference, "limit": 100, **({"type": kind} if kind else {})}
    return ask_for_all(lambda client: client.v1.payment_methods.list(params))


def _is_kept(reference: str) -> bool:
    try:
        return bool(ask(lambda client: client.v1.payment_methods.retrieve(reference)).get("customer"))
    except StripeFailure as failure:
        if failure.trouble is Trouble.REFUSED:  # there is no such method at all
            return False
        raise


def _saved(method: Object) -> SavedMethod:
    try:
        kind = str(method["type"])[:30]
        told = method.get(kind) or {}
        return SavedMethod(
            reference=name_of(method),
            kind=kind,
            brand=str(told.get("brand") or told.get("bank_name") or "")[:30],
            last4=_last4(told.get("last4")),
            exp_month=_number(told.get("exp_month")),
            exp_year=_number(told.get("exp_year")),
        )
    except UNREADABLE:
        raise malformed() from None


def _name_in(thing: Object) -> str:
    try:
        return name_of(thing)
    except UNREADABLE:
        raise malformed() from None


def _last4(value: object) -> str:
    return value if isinstance(value, str) and _LAST4.match(value) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10_000 else None
