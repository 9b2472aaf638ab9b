"""Stripe's events as messages for the inbox. What an event is about is told by the object in it, as it was then."""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from apps.payments.gateways.base import Fact, GatewayError, WebhookMessage
from apps.payments.gateways.stripe_objects import (
    UNREADABLE,
    Object,
    charge_facts,
    checked_name,
    dispute_facts,
    id_in,
    intent_facts,
    name_of,
    reference_in,
    refund_facts,
    time_of,
)

_ABOUT_DELIVERY = frozenset({"pending_webhooks", "request", "delivery"})  # may differ in a repeat of the same event
_INTENTS = frozenset({"succeeded", "processing", "requires_action", "payment_failed", "canceled"})
_DISPUTES = frozenset({"created", "updated", "closed", "funds_withdrawn", "funds_reinstated"})
_METHODS = frozenset({"attached", "detached", "updated", "automatically_updated"})

Facts = tuple[Fact, ...] | None
Reader = Callable[[Object, dt.datetime], Facts]


def _to_ask(thing: Object, at: dt.datetime) -> Facts:
    """What this event says is not enough: the provider is to be asked."""
    return None


def _intent(thing: Object, at: dt.datetime) -> Facts:
    return intent_facts(thing, at=at)


def _charge(thing: Object, at: dt.datetime) -> Facts:
    return charge_facts(thing, at=at)


def _refund(thing: Object, at: dt.datetime) -> Facts:
    return refund_facts(thing, at=at)


def _dispute(thing: Object, at: dt.datetime) -> Facts:
    return dispute_facts(thing, at=at)


def _money_back(thing: Object, at: dt.datetime) -> Facts:
    return dispute_facts(thing, at=at, is_reinstated=True)


# type: (the object it is about, how to read it)
_PAYMENTS: dict[str, tuple[str, Reader]] = {
    **{f"payment_intent.{word}": ("payment_intent", _intent) for word in _INTENTS},
    "payment_intent.amount_capturable_updated": ("payment_intent", _intent),
    "charge.succeeded": ("charge", _charge),
    "charge.captured": ("charge", _charge),
    "charge.refunded": ("charge", _to_ask),  # it tells how much went back in all, not by which refunds
    "charge.expired": ("charge", _to_ask),
    "charge.refund.updated": ("refund", _refund),
    **{f"refund.{word}": ("refund", _refund) for word in ("created", "updated", "failed")},
    **{f"charge.dispute.{word}": ("dispute", _dispute) for word in _DISPUTES},
    "charge.dispute.funds_reinstated": ("dispute", _money_back),
}
_CUSTOMERS = {
    "setup_intent.succeeded": "setup_intent",
    **{f"payment_method.{word}": "payment_method" for word in _METHODS},
}


def is_handled(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is of interest."""
    return event.get("type") in _PAYMENTS or event.get("type") in _CUSTOMERS


def read_event(body: bytes, *, is_live: bool | None) -> WebhookMessage:
    """Return what an event says. Raises GatewayError (malformed, for good) for anything else.

    `is_live` is the mode of the shop's own account, None if its key does not tell: play money is no money.
    """
    try:
        return _read(orjson.loads(body), is_live=is_live)
    except UNREADABLE:
        raise GatewayError("malformed", permanent=True) from None


def _read(event: Object, *, is_live: bool | None) -> WebhookMessage:
    kind = event["type"]
    if not isinstance(kind, str):
        raise TypeError("a type is expected")
    message = WebhookMessage(
        event_id=checked_name(event["id"]), facts=(), digest=_digest(event), refusal=_refusal(event, is_live)
    )
    if kind in _CUSTOMERS:
        return dataclasses.replace(message, customer_reference=_customer_of(event, _CUSTOMERS[kind]))
    return _about_payment(event, message) if kind in _PAYMENTS else message


def _about_payment(event: Object, message: WebhookMessage) -> WebhookMessage:
    object_kind, read = _PAYMENTS[event["type"]]
    thing = _object_of(event, object_kind)
    transaction = name_of(thing) if object_kind == "payment_intent" else reference_in(thing, "payment_intent")
    facts = read(thing, time_of(event))
    return dataclasses.replace(
        message,
        transaction_id=transaction,
        attempt_id=id_in(thing, "attempt_id"),
        facts=facts,
        hint=transaction if facts is None else "",
    )


def _customer_of(event: Object, object_kind: str) -> str:
    """Return whose saved methods have changed; of one that was taken away the object itself no longer says it."""
    before = event["data"].get("previous_attributes") or {}
    return reference_in(_object_of(event, object_kind), "customer") or reference_in(before, "customer")


def _object_of(event: Object, kind: str) -> Object:
    thing: Object = event["data"]["object"]
    if thing["object"] != kind:
        raise ValueError("the event is about something else than its type says")
    return thing


def _digest(event: Object) -> str:
    lasting = {name: value for name, value in event.items() if name not in _ABOUT_DELIVERY}
    return hashlib.sha256(orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _refusal(event: Object, is_live: bool | None) -> str:
    told = event["livemode"]
    if not isinstance(told, bool):
        raise TypeError("livemode is yes or no")
    if is_live is None or told is is_live:
        return ""
    return "live-mode event" if told else "test-mode event"
