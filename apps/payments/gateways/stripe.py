"""Stripe, by payment intents: the payer gives the card to Stripe's own form, and Stripe tells what came of it."""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import orjson
from django.conf import settings

from apps.payments.gateways import signatures
from apps.payments.gateways.base import (
    Attempt,
    Buyer,
    CancelRequest,
    CaptureRequest,
    Fact,
    FetchRequest,
    GatewayError,
    RefundRequest,
    RefundResult,
    StartRequest,
    StartResult,
    WebhookMessage,
)
from apps.payments.gateways.stripe_client import Json, StripeFailure, Trouble, ask_for_all, malformed
from apps.payments.gateways.stripe_events import is_handled, read_event
from apps.payments.gateways.stripe_intents import (
    cancel_intent,
    capture_intent,
    find_intent,
    open_intent,
    read_intent,
    require_own,
)
from apps.payments.gateways.stripe_objects import (
    UNREADABLE,
    dispute_facts,
    failed_fact,
    intent_facts,
    name_of,
    refund_facts,
    time_of,
)
from apps.payments.gateways.stripe_refunds import list_refunds, make_refund
from apps.payments.states import EntryKind

logger = logging.getLogger("shop.payments")
_FOR_THE_CLIENT = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
_LIVE, _TEST = ("sk_live_", "rk_live_"), ("sk_test_", "rk_test_")


class StripeGateway:
    """Amounts, keys and what an answer means are in the modules beside this one; here is what the shop asks."""

    name: ClassVar[str] = "stripe"
    sends_webhooks: ClassVar[bool] = True
    signature_header: ClassVar[str] = "Stripe-Signature"
    settles_by_hand: ClassVar[bool] = False
    inquiry_seconds: ClassVar[int | None] = 30
    cancel_is_final: ClassVar[bool] = True
    keeps_customers: ClassVar[bool] = True

    def start(self, request: StartRequest) -> StartResult:
        """Open a payment intent. With a payment method it is tried at once, otherwise the client goes on with the
        secret. A method that is declined here ends the attempt, and its secret is given to nobody."""
        attempt = request.attempt
        confirms = bool(attempt.payment_method_id)
        try:
            intent = open_intent(attempt, key=request.key, now=request.now, confirms=confirms)
        except StripeFailure as failure:
            if failure.intent is None:
                raise
            intent = failure.intent
        with _reading():
            return _declined(intent) if confirms and _has_no_method(intent) else _begun(intent)

    def capture(self, request: CaptureRequest) -> tuple[Fact, ...]:
        """Take the money that is held, all of it. Raises GatewayError when there is none."""
        _require_known(request.attempt)
        try:
            intent = capture_intent(request.attempt)
        except StripeFailure as failure:
            if failure.trouble is not Trouble.REFUSED:
                raise
            intent = read_intent(request.attempt.transaction_id)
            if intent.get("status") != "succeeded":
                raise GatewayError("nothing_to_capture", permanent=True) from None
        with _reading():
            return intent_facts(require_own(intent, request.attempt), at=request.now)

    def cancel(self, request: CancelRequest) -> tuple[Fact, ...]:
        """Give the intent up. One whose start was never answered is opened and given up: the key is used then, and a
        start that is still under way can charge nobody. Raises GatewayError (cannot_cancel) when it is too late."""
        intent_name = request.attempt.transaction_id or _name_of_unanswered(request)
        try:
            intent = cancel_intent(intent_name)
        except StripeFailure as failure:
            if failure.trouble is not Trouble.REFUSED:
                raise
            intent = read_intent(intent_name)
        if intent.get("status") != "canceled":
            raise GatewayError("cannot_cancel", permanent=True)
        with _reading():
            return intent_facts(require_own(intent, request.attempt), at=request.now)

    def refund(self, request: RefundRequest) -> RefundResult:
        """Send money back. It may take days and fail late: then a message tells, or `fetch`."""
        _require_known(request.attempt)
        refund = make_refund(request)
        with _reading():
            return RefundResult(reference=name_of(refund), facts=refund_facts(refund, at=time_of(refund)))

    def read_webhook(self, *, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> WebhookMessage:
        """Return what an event says that is signed with one of settings.STRIPE_WEBHOOK_SECRETS. Raises GatewayError."""
        header = headers.get(self.signature_header, "")
        signatures.verify(header=header, body=body, secrets=settings.STRIPE_WEBHOOK_SECRETS, now=now)
        return self.reread_webhook(body=body, now=now)

    def reread_webhook(self, *, body: bytes, now: dt.datetime) -> WebhookMessage:
        """Return what a stored event says. Raises GatewayError."""
        return read_event(body, is_live=_is_live())

    def fetch(self, request: FetchRequest) -> tuple[Fact, ...]:
        """Return what the intent, its refunds and its disputes say now. Raises GatewayError."""
        intent = _intent_of(request)
        with _reading():
            facts = intent_facts(require_own(intent, request.attempt), at=request.now)
            if not any(fact.kind == EntryKind.CAPTURED for fact in facts):
                return facts
            told = [refund_facts(refund, at=time_of(refund)) for refund in list_refunds(name_of(intent))]
            if not request.hint:  # a hint asks for refunds
                told += [dispute_facts(dispute, at=time_of(dispute)) for dispute in _disputes_of(intent)]
        return (*facts, *(fact for group in told for fact in group))

    def missed_messages(self, *, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[WebhookMessage, bytes]]:
        """Return the events that no webhook was accepted for, oldest first. Raises GatewayError."""
        window = {"gte": int(since.timestamp()), "lte": int(now.timestamp())}
        params: Any = {"delivery_success": False, "created": window, "limit": 100}
        events = ask_for_all(lambda client: client.v1.events.list(params))
        found = [_read_listed(event) for event in reversed(events) if is_handled(event)]
        return [message for message in found if message is not None]


def _begun(intent: Json) -> StartResult:
    needs_client = intent["status"] in _FOR_THE_CLIENT
    return StartResult(
        transaction_id=name_of(intent),
        client_secret=intent["client_secret"] if needs_client else "",
        facts=intent_facts(intent, at=time_of(intent)),
    )


def _has_no_method(intent: Json) -> bool:
    return bool(intent["status"] == "requires_payment_method")


def _declined(intent: Json) -> StartResult:
    return StartResult(transaction_id=name_of(intent), facts=(failed_fact(intent, at=time_of(intent)),))


def _name_of_unanswered(request: CancelRequest) -> str:
    """Return the name of an intent that was perhaps never made. It is not confirmed here, or giving up would charge."""
    attempt = request.attempt
    start = StartRequest(attempt=attempt, buyer=Buyer(email="", language="", address={}), now=request.now)
    intent = open_intent(attempt, key=start.key, now=request.now, confirms=False)
    with _reading():
        return name_of(intent)


def _intent_of(request: FetchRequest) -> Json:
    name = request.attempt.transaction_id or request.hint
    intent = read_intent(name) if name else find_intent(request.attempt, request.now)
    if intent is None:
        raise GatewayError("not_found_yet", permanent=False)
    return intent


def _disputes_of(intent: Json) -> list[Json]:
    """Return the disputes of a charge that can have some; whether it has is told otherwise once they are won."""
    if "disputed" not in intent["latest_charge"]:
        return []
    params: Any = {"payment_intent": name_of(intent), "limit": 100}
    return ask_for_all(lambda client: client.v1.disputes.list(params))


def _read_listed(event: Json) -> tuple[WebhookMessage, bytes] | None:
    """Return an event of the list. One that cannot be read keeps none of the others back."""
    body = orjson.dumps(event)
    try:
        return read_event(body, is_live=_is_live()), body
    except GatewayError as error:
        logger.error("missed event cannot be read", extra={"provider": StripeGateway.name, "code": error.code})
        return None


def _require_known(attempt: Attempt) -> None:
    if not attempt.transaction_id:
        raise GatewayError("no_such_transaction", permanent=True)


def _is_live() -> bool | None:
    """Return the mode of the shop's account, None if the key does not tell."""
    key = settings.STRIPE_SECRET_KEY
    return True if key.startswith(_LIVE) else False if key.startswith(_TEST) else None


@contextmanager
def _reading() -> Iterator[None]:
    """What Stripe answered is read here. Raises GatewayError for an answer that is not what it should be."""
    try:
        yield
    except UNREADABLE:
        raise malformed() from None
