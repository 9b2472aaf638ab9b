"""The simulated provider's messages, written and read.

    {"id": "evt_1", "type": "payment.captured", "transaction_id": "sim_…", "amount": "25.00", "currency": "USD"}

Types: payment. + requires_action, processing, captured, failed, cancelled, refunded. Optional: `reference` (what the
provider calls what happened; left out, it is the one charge, refusal … of the transaction), `created` (Unix seconds)
and `code` (why it failed).
"""

import datetime as dt
import hashlib
import re
from decimal import Decimal
from typing import Any

import orjson

from apps.payments.gateways.base import Fact, GatewayError, WebhookMessage
from apps.payments.gateways.simulated_tokens import Transaction, read_name, write_name
from apps.payments.states import EntryKind
from core.money import format_amount

TYPE_PREFIX = "payment."
_AMOUNT = re.compile(r"[0-9]{1,11}(\.[0-9]{1,3})?\Z", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}\Z", re.ASCII)
_NAME = re.compile(r"[!-~]{1,150}\Z", re.ASCII)


def write_message(*, event_id: str, kind: EntryKind, transaction: Transaction, **members: Any) -> bytes:
    """Return the body of a message about the transaction; `members` adds to it or replaces parts of it."""
    content = {
        "id": event_id,
        "type": f"{TYPE_PREFIX}{kind.value}",
        "transaction_id": write_name(transaction),
        "amount": format_amount(transaction.amount, transaction.currency),
        "currency": transaction.currency,
    }
    return orjson.dumps(content | members)


def read_message(body: bytes, *, now: dt.datetime) -> WebhookMessage:
    """Return what the message says. Raises GatewayError (malformed) for anything but the shape above.

    A transaction that this provider did not make names no attempt. A type of no interest has no facts.
    """
    try:
        message = orjson.loads(body)
        event_id, transaction_id = _name(message["id"]), _name(message["transaction_id"])
        transaction = read_name(transaction_id)
        kind = _kind_of(message["type"])
        facts = (_read_fact(kind, message, now),) if kind else ()
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError):
        raise GatewayError("malformed", permanent=True) from None
    return WebhookMessage(
        event_id=event_id,
        transaction_id=transaction_id,
        attempt_id=transaction.attempt_id if transaction else None,
        facts=facts,
    )


def name_of_step(kind: EntryKind, transaction_id: str) -> str:
    """Return what the provider calls this step of the transaction: there is one of each kind."""
    return f"{_PREFIXES[kind]}_{hashlib.sha256(transaction_id.encode()).hexdigest()[:32]}"


_PREFIXES = {
    EntryKind.REQUIRES_ACTION: "act",
    EntryKind.PROCESSING: "prc",
    EntryKind.CAPTURED: "ch",
    EntryKind.FAILED: "err",
    EntryKind.CANCELLED: "void",
    EntryKind.REFUNDED: "re",
}


def _kind_of(type_name: str) -> EntryKind | None:
    if not type_name.startswith(TYPE_PREFIX):
        return None
    word = type_name.removeprefix(TYPE_PREFIX)
    return EntryKind(word) if word in EntryKind.values else None


def _read_fact(kind: EntryKind, message: dict[str, Any], now: dt.datetime) -> Fact:
    if not _AMOUNT.match(message["amount"]) or not _CURRENCY.match(message["currency"]):
        raise ValueError("an amount and a currency are expected")
    created = message.get("created")
    return Fact(
        kind=kind,
        amount=Decimal(message["amount"]),
        currency=message["currency"],
        reference=_name(message.get("reference", name_of_step(kind, message["transaction_id"]))),
        occurred_at=now if created is None else dt.datetime.fromtimestamp(int(created), tz=dt.UTC),
        detail={"code": _name(message["code"])[:100]} if "code" in message else {},
    )


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError("a name of 1 to 150 visible ASCII characters is expected")
    return value
