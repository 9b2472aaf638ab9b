"""One payment intent per attempt, also when nobody knows what became of the call that made it.

Stripe keeps an idempotency key, and the answer that was given to it, for a day. So a repeat has one effect; but an
error of the server's is told again for a day too, and after the day the key is forgotten. In both cases the intent is
looked for by the attempt's id in its metadata before another one is made.
"""

import datetime as dt
import uuid
from typing import Any

from django.conf import settings

from apps.payments.gateways.base import Attempt, GatewayError
from apps.payments.gateways.stripe_amounts import to_units
from apps.payments.gateways.stripe_client import MAYBE_DONE, Json, StripeFailure, Trouble, ask, ask_for_all
from apps.payments.gateways.stripe_objects import id_in, name_of

KEYS_LAST = dt.timedelta(hours=20)  # four hours less than the day that Stripe promises
_SKEW = dt.timedelta(minutes=5)  # between its clock and ours
_LONGEST_SEARCH = 1_000
_CHARGE = ["latest_charge"]
_FURTHEST_FIRST = ("succeeded", "processing", "requires_capture", "requires_action")


def open_intent(attempt: Attempt, *, key: str, now: dt.datetime, confirms: bool) -> Json:
    """The attempt has its intent, made now or by an earlier call. Returns it.

    `confirms`: it is also tried at once with the attempt's payment method. Raises GatewayError; for good only if no
    intent was made, or with the intent that was declined.
    """
    params = _parameters(attempt, confirms=confirms)
    known = find_intent(attempt, now) if is_forgotten(attempt.id, now) else None
    return known or _make(params, attempt, key, spare_key=f"{key}-again")


def find_intent(attempt: Attempt, now: dt.datetime) -> Json | None:
    """Return the attempt's intent as far as the search has it (it may be a minute behind), None if it has none.

    Raises GatewayError, never for good.
    """
    query = f"metadata['attempt_id']:'{attempt.id}'"
    try:
        found = ask_for_all(lambda client: client.v1.payment_intents.search({"query": query, "expand": _in_data()}))
    except StripeFailure as failure:
        if failure.trouble is Trouble.REFUSED:  # accounts of some countries have no search
            return _find_in_list(attempt)
        raise
    return _choose(found, attempt)


def read_intent(name: str) -> Json:
    """Return the intent with its charge. Raises GatewayError."""
    return ask(lambda client: client.v1.payment_intents.retrieve(name, {"expand": _CHARGE}))


def capture_intent(attempt: Attempt) -> Json:
    """The held money is taken. Returns the intent. It can be taken once, so that a repeat needs no key, which would
    only tell a refusal again for a day. Raises GatewayError."""
    units = to_units(attempt.amount, attempt.currency)
    params: Any = {"amount_to_capture": units, "expand": _CHARGE}
    return ask(lambda client: client.v1.payment_intents.capture(attempt.transaction_id, params))


def cancel_intent(name: str) -> Json:
    """The intent can bring no money any more. Returns it. Without a key, as `capture_intent`. Raises GatewayError."""
    return ask(lambda client: client.v1.payment_intents.cancel(name))


def require_own(intent: Json, attempt: Attempt) -> Json:
    """Return the intent. Raises GatewayError, for good, when it is another attempt's."""
    if id_in(intent, "attempt_id") != attempt.id:
        raise GatewayError("foreign_transaction", permanent=True)
    return intent


def is_forgotten(made: uuid.UUID, now: dt.datetime) -> bool:
    """Tell whether a key made from this id may be forgotten by now."""
    return now - _time_of_id(made) > KEYS_LAST


def _make(params: Json, attempt: Attempt, key: str, *, spare_key: str, may_repeat: bool = True) -> Json:
    """Make the intent, or find the one that was made although the answer was an error.

    Only a repeat with the same key tells that the work has ended. Then the list, which is never behind, tells whether
    there is an intent; if not, another key is needed, because the first would tell of its error for a day.
    """
    try:
        return _create(params, key)
    except StripeFailure as failure:
        if failure.trouble not in MAYBE_DONE:
            raise
        lost = failure
    found = _find_in_list(attempt)
    if found is not None:
        return found
    if lost.trouble is Trouble.BROKEN and may_repeat:
        return _make(params, attempt, key, spare_key=spare_key, may_repeat=False)
    if lost.trouble is Trouble.KEPT and spare_key:
        return _make(params, attempt, spare_key, spare_key="")
    raise lost


def _create(params: Any, key: str) -> Json:
    return ask(lambda client: client.v1.payment_intents.create(params, {"idempotency_key": key}))


def _parameters(attempt: Attempt, *, confirms: bool) -> Json:
    """Return what the intent is made of. It follows from the attempt alone: a repeat has to be the same."""
    types = settings.STRIPE_PAYMENT_METHOD_TYPES
    params: Json = {
        "amount": to_units(attempt.amount, attempt.currency),
        "currency": attempt.currency.lower(),
        "capture_method": settings.STRIPE_CAPTURE_METHOD,
        "metadata": {
            "attempt_id": str(attempt.id),
            "order_id": str(attempt.order_id),
            "order_number": attempt.order_number,
        },
    }
    if attempt.customer_reference:
        params["customer"] = attempt.customer_reference
    if not types:
        params["automatic_payment_methods"] = {"enabled": True}
    else:
        params["payment_method_types"] = types
    return _with_method(params, attempt) if confirms else params


def _with_method(params: Json, attempt: Attempt) -> Json:
    """Without redirects: nobody would be there to follow one but the client, who has the secret for what it needs."""
    confirmed = {**params, "payment_method": attempt.payment_method_id, "confirm": True, "expand": _CHARGE}
    if "automatic_payment_methods" in confirmed:
        confirmed["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    return confirmed


def _find_in_list(attempt: Attempt) -> Json | None:
    """Return the attempt's intent, None if there is certainly none. Raises GatewayError, never for good."""
    since = int((_time_of_id(attempt.id) - _SKEW).timestamp())
    params: Any = {"created": {"gte": since}, "limit": 100, "expand": _in_data()}
    try:
        found = ask_for_all(lambda client: client.v1.payment_intents.list(params), at_most=_LONGEST_SEARCH)
    except StripeFailure as failure:
        raise GatewayError(failure.code, permanent=False) from None
    chosen = _choose(found, attempt)
    if chosen is None and len(found) == _LONGEST_SEARCH:
        raise GatewayError("too_many_to_look_through", permanent=False)
    return chosen


def _choose(found: list[Json], attempt: Attempt) -> Json | None:
    """Return the attempt's intent that got furthest: only one was ever shown to a payer."""
    own = [intent for intent in found if id_in(intent, "attempt_id") == attempt.id]
    rank = {status: place for place, status in enumerate(_FURTHEST_FIRST)}
    last = len(rank)
    return min(own, key=lambda intent: (rank.get(intent["status"], last), name_of(intent)), default=None)


def _in_data() -> list[str]:
    return [f"data.{name}" for name in _CHARGE]


def _time_of_id(made: uuid.UUID) -> dt.datetime:
    """Return when an id was made: the first 48 bits of a UUIDv7 are milliseconds of Unix time (RFC 9562)."""
    return dt.datetime.fromtimestamp((made.int >> 80) / 1000, tz=dt.UTC)
