"""Stripe's objects as facts: pure functions of what a webhook brings or a question is answered with.

The same thing has the same kind and reference however it was heard of. What cannot be read raises one of UNREADABLE.
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apps.payments.gateways.base import Fact
from apps.payments.gateways.stripe_amounts import from_units
from apps.payments.states import EntryKind

UNREADABLE = (ArithmeticError, AttributeError, KeyError, OSError, TypeError, ValueError)
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}\Z", re.ASCII)
_CODE = re.compile(r"[a-z0-9_]{1,100}\Z", re.ASCII)
_LARGEST_UNITS = 10**13
_RISKY = frozenset({"elevated", "highest"})
_OPEN_DISPUTES = frozenset({"needs_response", "under_review", "warning_needs_response", "warning_under_review"})
_OUTCOMES = {
    "won": EntryKind.DISPUTE_WON,
    "warning_closed": EntryKind.DISPUTE_WON,  # it was only asked about, and no more came of it
    "prevented": EntryKind.DISPUTE_WON,  # no money was taken; a refund made instead is told as one
    "lost": EntryKind.DISPUTE_LOST,
}

Object = Mapping[str, Any]


def intent_facts(intent: Object, *, at: dt.datetime) -> tuple[Fact, ...]:
    """Return what a payment intent that was so at `at` says: nothing until the payer has tried."""
    name = name_of(intent)
    match intent["status"]:
        case "requires_action":
            return (_about(intent, EntryKind.REQUIRES_ACTION, f"act_{name}_{_method_of(intent)}", at),)
        case "requires_payment_method" if intent.get("last_payment_error"):
            problem = intent["last_payment_error"]
            return (_about(intent, EntryKind.DECLINED, f"decl_{_try_of(intent)}", at, code=_decline_code(problem)),)
        case "processing":
            return (_about(intent, EntryKind.PROCESSING, f"prc_{name}_{latest_charge(intent)}", at),)
        case "requires_capture":
            held = _units(intent, "amount_capturable", otherwise="amount")
            return (_about(intent, EntryKind.AUTHORISED, f"auth_{name}", at, units=held),)
        case "succeeded":
            return (_captured(intent, at),)
        case "canceled":
            ended_at = time_of(intent, "canceled_at") if intent.get("canceled_at") is not None else at
            return (_about(intent, EntryKind.CANCELLED, f"void_{name}", ended_at),)
        case _:
            return ()


def failed_fact(intent: Object, *, at: dt.datetime) -> Fact:
    """Return that the attempt has ended: its one method was declined, and no other will be tried."""
    problem = intent.get("last_payment_error") or {}
    return _about(intent, EntryKind.FAILED, f"fail_{name_of(intent)}", at, code=_decline_code(problem))


def charge_facts(charge: Object, *, at: dt.datetime) -> tuple[Fact, ...]:
    """Return what a charge says: the money it took, and whether it is to be trusted. Held money is the intent's."""
    if not (charge["captured"] is True and charge["status"] == "succeeded"):
        return ()
    return (_capture_by(charge, units=_units(charge, "amount_captured", otherwise="amount"), at=at),)


def refund_facts(refund: Object, *, at: dt.datetime) -> tuple[Fact, ...]:
    """Return what a refund says: nothing while it is under way."""
    kinds = {"succeeded": EntryKind.REFUNDED, "failed": EntryKind.REFUND_FAILED, "canceled": EntryKind.REFUND_FAILED}
    kind = kinds.get(refund["status"])
    if kind is None:
        return ()
    why = refund.get("failure_reason") or ("refund_failed" if kind == EntryKind.REFUND_FAILED else "")
    return (
        Fact(
            kind=kind,
            amount=_amount(refund, _units(refund, "amount")),
            currency=_currency(refund),
            reference=name_of(refund),
            occurred_at=at,
            detail=_detail(code=why, reason=refund.get("reason")),
            refund_id=id_in(refund, "refund_id"),
        ),
    )


def dispute_facts(dispute: Object, *, at: dt.datetime, is_reinstated: bool = False) -> tuple[Fact, ...]:
    """Return where a dispute stands. `is_reinstated`: the money is back, which is what winning means.

    An inquiry (its states begin with "warning") takes no money and may become a dispute under the same id: it is told
    with no amount and a reference of its own, so that a refund, the usual answer to it, is not held up.
    """
    status = dispute["status"]
    kind = EntryKind.DISPUTED if status in _OPEN_DISPUTES else _OUTCOMES.get(status)
    if is_reinstated:
        kind = EntryKind.DISPUTE_WON
    if kind is None:
        return ()
    is_inquiry = str(status).startswith("warning")
    reference = f"{name_of(dispute)}_inquiry" if is_inquiry else name_of(dispute)
    units = 0 if is_inquiry else None
    return (_about(dispute, kind, reference, at, units=units, reason=dispute.get("reason")),)


def latest_charge(intent: Object) -> str:
    """Return the name of the intent's charge, "" if there is none. It may be there whole."""
    return reference_in(intent, "latest_charge")


def name_of(thing: Object) -> str:
    """Return an object's id."""
    return checked_name(thing["id"])


def checked_name(value: object) -> str:
    """Return an id of Stripe's. Raises ValueError for anything else."""
    if not (isinstance(value, str) and _NAME.match(value)):
        raise ValueError("an id is expected")
    return value


def reference_in(thing: Object, member: str) -> str:
    """Return the id a member holds, be it the id alone or the whole object; "" for none."""
    value = thing.get(member)
    if value is None:
        return ""
    return name_of(value) if isinstance(value, Mapping) else checked_name(value)


def id_in(thing: Object, key: str) -> uuid.UUID | None:
    """Return an id of the shop's own that was given along as metadata, None if it is not there."""
    told = (thing.get("metadata") or {}).get(key)
    try:
        return uuid.UUID(told) if isinstance(told, str) else None
    except ValueError:
        return None


def time_of(thing: Object, member: str = "created") -> dt.datetime:
    """Return a time."""
    return dt.datetime.fromtimestamp(_whole(thing[member]), tz=dt.UTC)


def _decline_code(problem: Object) -> str:
    """Return why a try was declined, as Stripe calls it."""
    return _code(problem.get("decline_code")) or _code(problem.get("code")) or "declined"


def _captured(intent: Object, at: dt.datetime) -> Fact:
    """The money is here. Whether the provider calls it risky is known only if the charge came along."""
    units = _units(intent, "amount_received", otherwise="amount")
    charge = intent["latest_charge"]
    if isinstance(charge, Mapping):
        return _capture_by(charge, units=units, at=time_of(charge))
    return _about(intent, EntryKind.CAPTURED, checked_name(charge), at, units=units)


def _capture_by(charge: Object, *, units: int, at: dt.datetime) -> Fact:
    outcome = charge.get("outcome") or {}
    risk = _code(outcome.get("risk_level"))
    return Fact(
        kind=EntryKind.CAPTURED,
        amount=_amount(charge, units),
        currency=_currency(charge),
        reference=name_of(charge),
        occurred_at=at,
        detail=_detail(risk=risk if risk in _RISKY else ""),
        is_risky=risk in _RISKY,
    )


def _about(
    thing: Object, kind: EntryKind, reference: str, at: dt.datetime, *, units: int | None = None, **detail: object
) -> Fact:
    return Fact(
        kind=kind,
        amount=_amount(thing, _units(thing, "amount") if units is None else units),
        currency=_currency(thing),
        reference=reference,
        occurred_at=at,
        detail=_detail(**detail),
    )


def _method_of(intent: Object) -> str:
    return reference_in(intent, "payment_method") or latest_charge(intent)


def _try_of(intent: Object) -> str:
    """Name the try that was declined: by its charge; one that never became a charge by its method."""
    problem = intent["last_payment_error"]
    charge = reference_in(problem, "charge")
    if charge:
        return charge
    return "_".join(part for part in (name_of(intent), reference_in(problem, "payment_method")) if part)


def _detail(**texts: object) -> dict[str, str]:
    return {name: text for name, value in texts.items() if (text := _code(value))}


def _code(value: object) -> str:
    return value if isinstance(value, str) and _CODE.match(value) else ""


def _amount(thing: Object, units: int) -> Decimal:
    return from_units(units, _currency(thing))


def _currency(thing: Object) -> str:
    code = thing["currency"]
    if not (isinstance(code, str) and len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError("a currency is expected")
    return code.upper()


def _units(thing: Object, member: str, *, otherwise: str = "") -> int:
    """Return an amount in the smallest unit; from `otherwise` where the API of an old version lacks the member."""
    units = _whole(thing[otherwise] if otherwise and thing.get(member) is None else thing[member])
    if not 0 <= units <= _LARGEST_UNITS:
        raise ValueError("an amount is expected")
    return units


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number is expected")
    return value
