"""A provider that plays payments: what a newcomer and the tests pay with. docs/payments.md lists its magic tokens."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import ClassVar

from django.conf import settings

from apps.payments.gateways import signatures
from apps.payments.gateways.base import (
    Attempt,
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
from apps.payments.gateways.simulated_tokens import Scenario, Transaction, read_name, write_name
from apps.payments.gateways.simulated_wallet import token_behind
from apps.payments.gateways.simulated_webhooks import name_of_step, read_message
from apps.payments.states import EntryKind

MAGIC_PREFIX = "pm_sim_"
MAGIC_TOKENS = {
    "pm_sim_success": Scenario.SUCCESS,
    "pm_sim_declined": Scenario.DECLINED,
    "pm_sim_requires_action": Scenario.REQUIRES_ACTION,
    "pm_sim_settles_late": Scenario.SETTLES_LATE,
    "pm_sim_settles_twice": Scenario.SETTLES_TWICE,
}
_REFUSALS = {Scenario.DECLINED: "card_declined", Scenario.UNKNOWN_METHOD: "unknown_payment_method"}


class SimulatedGateway:
    """Keeps no state: the transaction's name says what it plays, and the clock says how far it is."""

    name: ClassVar[str] = "simulated"
    sends_webhooks: ClassVar[bool] = True
    signature_header: ClassVar[str] = "Simulated-Signature"
    settles_by_hand: ClassVar[bool] = False
    inquiry_seconds: ClassVar[int | None] = 1
    cancel_is_final: ClassVar[bool] = True
    keeps_customers: ClassVar[bool] = True

    def start(self, request: StartRequest) -> StartResult:
        """Play the payment method's scenario from its beginning."""
        transaction = _begin(request.attempt)
        needs_client = transaction.scenario == Scenario.REQUIRES_ACTION
        return StartResult(
            transaction_id=write_name(transaction),
            client_secret=transaction.secret if needs_client else "",
            facts=_first_facts(transaction),
        )

    def capture(self, request: CaptureRequest) -> tuple[Fact, ...]:
        """Return the capture, which this provider makes by itself. Raises GatewayError when there is none."""
        facts = self.fetch(FetchRequest(attempt=request.attempt, now=request.now))
        if not any(fact.kind == EntryKind.CAPTURED for fact in facts):
            raise GatewayError("nothing_to_capture", permanent=True)
        return facts

    def cancel(self, request: CancelRequest) -> tuple[Fact, ...]:
        """Give up a payment that waits for its payer. Raises GatewayError when the money is on its way or here."""
        transaction = _known(request.attempt) if request.attempt.transaction_id else _begin(request.attempt)
        if transaction.scenario not in {Scenario.REQUIRES_ACTION, *_REFUSALS} and request.attempt.transaction_id:
            raise GatewayError("cannot_cancel", permanent=True)
        return (_fact(transaction, EntryKind.CANCELLED, request.now),)

    def refund(self, request: RefundRequest) -> RefundResult:
        """Send the money back at once."""
        transaction = _known(request.attempt)
        reference = f"re_{request.refund_id.hex}"
        fact = _fact(transaction, EntryKind.REFUNDED, request.now)
        fact = dataclasses.replace(fact, amount=request.amount, reference=reference)
        return RefundResult(reference=reference, facts=(fact,))

    def read_webhook(self, *, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> WebhookMessage:
        """Return what a message signed with settings.SIMULATED_WEBHOOK_SECRET says. Raises GatewayError."""
        secrets = [secret.strip() for secret in settings.SIMULATED_WEBHOOK_SECRET.split(",")]
        signatures.verify(header=headers.get(self.signature_header, ""), body=body, secrets=secrets, now=now)
        return read_message(body, now=now)

    def reread_webhook(self, *, body: bytes, now: dt.datetime) -> WebhookMessage:
        """Return what a stored message says."""
        return read_message(body, now=now)

    def missed_messages(self, *, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[WebhookMessage, bytes]]:
        """Return nothing: this provider's messages are written by hand."""
        return ()

    def fetch(self, request: FetchRequest) -> tuple[Fact, ...]:
        """Tell how far the play is. Asking about one that requires action plays a payer who has just agreed, unless it
        is the clock that asks."""
        transaction = _known(request.attempt)
        if transaction.scenario == Scenario.REQUIRES_ACTION and not request.by_clock:
            return (_fact(transaction, EntryKind.CAPTURED, request.now),)
        if transaction.scenario == Scenario.SETTLES_LATE and request.now >= transaction.settles_at:
            return (_fact(transaction, EntryKind.CAPTURED, transaction.settles_at),)
        return _first_facts(transaction)


def _begin(attempt: Attempt) -> Transaction:
    return Transaction(
        attempt_id=attempt.id, scenario=_scenario_of(attempt), amount=attempt.amount, currency=attempt.currency
    )


def _scenario_of(attempt: Attempt) -> Scenario:
    method = attempt.payment_method_id
    if "." in method:
        method = token_behind(method, customer_reference=attempt.customer_reference) or MAGIC_PREFIX
    fallback = Scenario.UNKNOWN_METHOD if method.startswith(MAGIC_PREFIX) else Scenario.SUCCESS
    return MAGIC_TOKENS.get(method, fallback)


def _known(attempt: Attempt) -> Transaction:
    transaction = read_name(attempt.transaction_id)
    if transaction is None:
        raise GatewayError("no_such_transaction", permanent=True)
    return transaction


def _first_facts(transaction: Transaction) -> tuple[Fact, ...]:
    """Return what is told at the start."""
    at = transaction.started_at
    match transaction.scenario:
        case Scenario.REQUIRES_ACTION:
            return (_fact(transaction, EntryKind.REQUIRES_ACTION, at),)
        case Scenario.SETTLES_LATE:
            return (_fact(transaction, EntryKind.PROCESSING, at),)
        case Scenario.DECLINED | Scenario.UNKNOWN_METHOD:
            return (_fact(transaction, EntryKind.FAILED, at, code=_REFUSALS[transaction.scenario]),)
        case Scenario.SETTLES_TWICE:
            # One charge, told in two messages: the same reference, as an honest provider would repeat itself.
            return tuple(_fact(transaction, EntryKind.CAPTURED, at, event=f"evt_{n}") for n in (1, 2))
        case _:
            return (_fact(transaction, EntryKind.CAPTURED, at),)


def _fact(transaction: Transaction, kind: EntryKind, at: dt.datetime, **detail: str) -> Fact:
    return Fact(
        kind=kind,
        amount=transaction.amount,
        currency=transaction.currency,
        reference=name_of_step(kind, write_name(transaction)),
        occurred_at=at,
        detail=detail,
    )
