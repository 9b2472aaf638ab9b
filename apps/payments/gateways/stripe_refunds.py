"""Refunds at Stripe: one per refund of ours, also when nobody knows what became of the call that made it."""

from typing import Any

from apps.payments.gateways.base import RefundRequest
from apps.payments.gateways.stripe_amounts import to_units
from apps.payments.gateways.stripe_client import MAYBE_DONE, Json, StripeFailure, ask, ask_for_all
from apps.payments.gateways.stripe_intents import is_forgotten
from apps.payments.gateways.stripe_objects import id_in


def make_refund(request: RefundRequest) -> Json:
    """The money is on its way, once. Returns the refund, made now or by an earlier call.

    Raises GatewayError. After an error of the server's the refund that it may have made all the same is looked for;
    none is made under another key, as money that left twice does not come back.
    """
    known = _find(request) if is_forgotten(request.refund_id, request.now) else None
    if known is not None:
        return known
    try:
        return _create(request)
    except StripeFailure as failure:
        if failure.trouble not in MAYBE_DONE:
            raise
        found = _find(request)
        if found is None:
            raise
        return found


def list_refunds(intent_name: str) -> list[Json]:
    """Return all refunds of an intent, also those made without the shop. Raises GatewayError."""
    params: Any = {"payment_intent": intent_name, "limit": 100}
    return ask_for_all(lambda client: client.v1.refunds.list(params))


def _create(request: RefundRequest) -> Json:
    attempt = request.attempt
    params: Any = {
        "payment_intent": attempt.transaction_id,
        "amount": to_units(request.amount, attempt.currency),
        "metadata": {"refund_id": str(request.refund_id), "attempt_id": str(attempt.id)},
    }
    return ask(lambda client: client.v1.refunds.create(params, {"idempotency_key": request.key}))


def _find(request: RefundRequest) -> Json | None:
    made = list_refunds(request.attempt.transaction_id)
    return next((refund for refund in made if id_in(refund, "refund_id") == request.refund_id), None)
