"""The door to Stripe: one SDK client per account, and each of its failures as one error of ours.

The SDK logs what it sends and gets, client secrets among it, and puts texts of the API into its errors. Neither
leaves this module: its log is shut, and its errors end here, as short codes.
"""

import atexit
import logging
import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from itertools import islice
from typing import Any, Protocol, TypeVar

import stripe
from django.conf import settings

from apps.payments.gateways.base import GatewayError

Json = dict[str, Any]
Answer = TypeVar("Answer")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,79}\Z", re.ASCII)
# What Stripe words as a refusal of the request and will not say again once the shop or the line is in order.
_PASSING = frozenset({"lock_timeout", "rate_limit", "idempotency_key_in_use", "api_key_expired", "secret_key_required"})

logging.getLogger("stripe").addFilter(lambda record: False)
stripe._util.STRIPE_LOG = None  # the environment's STRIPE_LOG would print the same past all logging
stripe.enable_telemetry = False


class Listed(Protocol):
    """A page of the SDK's that fetches the next ones by itself."""

    def auto_paging_iter(self) -> Any: ...


class Trouble(Enum):
    """Why a call did not do what was asked."""

    DECLINED = "declined"  # the payer's bank said no
    REFUSED = "refused"  # Stripe said no
    KEY_REUSED = "key_reused"  # the idempotency key was used with other parameters
    BROKEN = "broken"  # an error of the server's: the work may have been done, or go on
    KEPT = "kept"  # the same, told again for the key: the work has ended, and nobody says how
    UNKNOWN = "unknown"  # no answer, or none that tells


MAYBE_DONE = frozenset({Trouble.BROKEN, Trouble.KEPT, Trouble.KEY_REUSED})  # look before it is done again


class StripeFailure(GatewayError):
    """`intent` is the payment intent a decline told of, if it did."""

    def __init__(self, code: str, trouble: Trouble, *, intent: Json | None = None) -> None:
        self.trouble = trouble
        self.intent = intent
        super().__init__(code, permanent=trouble in {Trouble.DECLINED, Trouble.REFUSED})


def ask(call: Callable[[stripe.StripeClient], stripe.StripeObject]) -> Json:
    """Return what Stripe answers to one call. Raises StripeFailure, and GatewayError without a key in the settings."""
    return _guarded(lambda client: call(client).to_dict(for_json=True))


def ask_for_all(call: Callable[[stripe.StripeClient], Listed], *, at_most: int | None = None) -> list[Json]:
    """Return a list, page after page, in Stripe's order: the newest first. Raises as `ask`."""
    return _guarded(
        lambda client: [item.to_dict(for_json=True) for item in islice(call(client).auto_paging_iter(), at_most)]
    )


def malformed() -> GatewayError:
    """Return the error of an answer that is not what it should be: it may be better next time."""
    return GatewayError("provider_answer_malformed", permanent=False)


def _guarded(work: Callable[[stripe.StripeClient], Answer]) -> Answer:
    """Errors are raised outside of their `except`: the SDK's carry what was sent, and a context is shown in traces."""
    client = _configured_client()
    failure: GatewayError
    try:
        return work(client)
    except stripe.StripeError as error:
        failure = _failure_of(error)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        failure = malformed()
    raise failure


def _configured_client() -> stripe.StripeClient:
    if not settings.STRIPE_SECRET_KEY:
        raise GatewayError("provider_not_configured", permanent=False)
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_URL.rstrip("/"), settings.STRIPE_TIMEOUT_SECONDS)


@cache
def _client(key: str, url: str, seconds: float) -> stripe.StripeClient:
    """Return the client of an account; its connections are kept open and shared by all threads.

    It does not repeat calls by itself: a request waits for it, and the shop repeats with the same key anyway.
    """
    line = stripe.HTTPXClient(timeout=seconds, allow_sync_methods=True)
    atexit.register(line.close)
    return stripe.StripeClient(
        key, base_addresses={"api": url} if url else None, max_network_retries=0, http_client=line
    )


def _failure_of(error: stripe.StripeError) -> StripeFailure:
    told = _told_by(error)
    code = _safe(told.get("code"))
    match error:
        case stripe.CardError():
            intent = told.get("payment_intent")
            why = _safe(told.get("decline_code")) or code or "card_declined"
            return StripeFailure(why, Trouble.DECLINED, intent=intent if isinstance(intent, dict) else None)
        case stripe.IdempotencyError():
            return StripeFailure("idempotency_key_reused", Trouble.KEY_REUSED)
        case stripe.InvalidRequestError() if code not in _PASSING:
            return StripeFailure(code or "invalid_request", Trouble.REFUSED)
        case stripe.AuthenticationError() | stripe.PermissionError():
            return StripeFailure("provider_refused_the_key", Trouble.UNKNOWN)
        case stripe.APIError() if (error.http_status or 0) >= 500:
            is_kept = (error.headers or {}).get("idempotent-replayed") == "true"
            return StripeFailure("provider_broken", Trouble.KEPT if is_kept else Trouble.BROKEN)
        case stripe.APIConnectionError():
            return StripeFailure("provider_unreachable", Trouble.UNKNOWN)
        case _:
            return StripeFailure("provider_busy", Trouble.UNKNOWN)


def _told_by(error: stripe.StripeError) -> Mapping[str, Any]:
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, dict) else {}


def _safe(code: object) -> str:
    """Return a code of Stripe's, "" for anything that is not one."""
    return code if isinstance(code, str) and _CODE.match(code) else ""
