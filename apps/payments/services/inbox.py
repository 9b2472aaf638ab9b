"""The inbox: what a provider's proven message becomes, once, however often it comes and whenever it is looked at.

A message that says what happened is stored and applied in one transaction. One that only points at something is stored
first; then the provider is asked, outside of any transaction, and the answer is applied. If that fails, the stored
message waits and is tried again.
"""

import dataclasses
import datetime as dt
import hashlib
import logging
from collections.abc import Sequence

from django.db.models import OuterRef, Q, Subquery

from apps.orders.locks import lock_order
from apps.payments.errors import ProviderContradiction, ProviderUnavailable
from apps.payments.events import SavedMethodsChanged
from apps.payments.gateways.base import Fact, Gateway, GatewayError, StartResult, WebhookMessage
from apps.payments.gateways.registry import gateway_of
from apps.payments.models import Payment, WebhookEvent
from apps.payments.selectors import messages_to_apply
from apps.payments.services.attempts import question_about
from apps.payments.services.mismatches import report_mismatch
from apps.payments.services.settlement import settle
from apps.payments.states import InboxState
from core.events.publishing import publish
from core.transactions import atomic

UNKNOWN_PAYMENT = "unknown payment"
OTHER_BODY = "known event id with another body"
OTHER_TRANSACTION = "the payment has another transaction"
RETRY_AFTER = dt.timedelta(seconds=5)
LONGEST_RETRY = dt.timedelta(hours=1)
MESSAGES_PER_RUN = 100
logger = logging.getLogger("shop.payments")


@dataclasses.dataclass(frozen=True, slots=True)
class Letter:
    """A proven message with its envelope: whose it is, its raw body and when it came."""

    provider: str
    message: WebhookMessage
    body: bytes
    received_at: dt.datetime

    @property
    def digest(self) -> str:
        """What a repeat has in common with it."""
        return self.message.digest or hashlib.sha256(self.body).hexdigest()


def file_letter(*, letter: Letter, gateway: Gateway) -> InboxState:
    """The message is stored, and applied if it can be. Returns what became of it.

    RECEIVED means stored and waiting for the provider's answer. Locks the order. Raises IntegrityError when a twin of
    this message is being stored at this moment.
    """
    payment, known_digest = find_payment(letter.provider, letter.message)
    if known_digest is None and payment is None:
        known_digest = _known_digest(letter)
    if known_digest is not None:
        return InboxState.PROCESSED if known_digest == letter.digest else _quarantine(letter, payment, OTHER_BODY)
    if letter.message.refusal:
        return _quarantine(letter, payment, letter.message.refusal)
    if letter.message.customer_reference:
        return _pass_on(letter)
    if letter.message.facts == ():
        return _store(letter, payment, InboxState.IGNORED)
    if reason := _misfit(letter.message, payment):
        return _quarantine(letter, payment, reason)
    if payment is not None and letter.message.facts is not None:
        return _apply_at_once(letter, payment, letter.message.facts)
    return _store_and_ask(letter, payment, gateway)


def apply_message(*, event: WebhookEvent, now: dt.datetime) -> InboxState:
    """The stored message, waiting or in quarantine, is applied if it can be. Returns its state.

    Asks the provider where the message itself proves nothing. Facts that are known change nothing, so that a repeat
    does no harm. Locks the order. Raises ProviderUnavailable: the message then waits as before.
    """
    if event.state not in {InboxState.RECEIVED, InboxState.QUARANTINED}:
        return InboxState(event.state)
    try:
        gateway = gateway_of(event.provider)
        message = gateway.reread_webhook(body=bytes(event.body), now=now)
        payment, _ = find_payment(event.provider, message)
        reason = message.refusal or _misfit(message, payment)
        if reason or payment is None:
            return _close(event, payment, InboxState.QUARANTINED, reason or UNKNOWN_PAYMENT, now)
        facts = message.facts if message.facts is not None else _ask(gateway, payment, message, now)
    except GatewayError as error:
        if not error.permanent:
            raise ProviderUnavailable from error
        return _close(event, None, InboxState.QUARANTINED, error.code, now)
    return _apply_stored(event, payment, facts, _introduction(message, payment), now)


def apply_waiting_messages(*, now: dt.datetime) -> int:
    """Stored messages whose time has come are applied, oldest first. Returns how many."""
    return sum(_try_to_apply(event, now) for event in messages_to_apply(now=now, limit=MESSAGES_PER_RUN))


def find_payment(provider: str, message: WebhookMessage) -> tuple[Payment | None, str | None]:
    """Return the payment the message is about, and the digest stored under its event id if it came before.

    One statement.
    """
    if message.attempt_id is None and not message.transaction_id:
        return None, None
    about = Q(pk=message.attempt_id) if message.attempt_id else Q(transaction_id=message.transaction_id)
    known = WebhookEvent.objects.filter(provider=OuterRef("provider"), event_id=message.event_id)
    found = Payment.objects.filter(about, provider=provider).select_related("order").order_by()
    for payment in found.annotate(known_digest=Subquery(known.order_by().values("digest")[:1]))[:1]:
        return payment, vars(payment)["known_digest"]
    return None, None


def _known_digest(letter: Letter) -> str | None:
    known = WebhookEvent.objects.filter(provider=letter.provider, event_id=letter.message.event_id)
    return known.order_by().values_list("digest", flat=True).first()


def _misfit(message: WebhookMessage, payment: Payment | None) -> str:
    """Return why the message is not about a payment of the shop, "" if it is."""
    if payment is None:
        return UNKNOWN_PAYMENT
    named = {"", message.transaction_id}
    return OTHER_TRANSACTION if message.transaction_id and payment.transaction_id not in named else ""


def _introduction(message: WebhookMessage, payment: Payment) -> StartResult | None:
    """Return what a message tells about an attempt whose start was never answered: the provider's name for it."""
    return None if payment.transaction_id else StartResult(transaction_id=message.transaction_id)


def _ask(gateway: Gateway, payment: Payment, message: WebhookMessage, now: dt.datetime) -> Sequence[Fact]:
    return gateway.fetch(question_about(payment=payment, now=now, hint=message.hint))


def _apply_at_once(letter: Letter, payment: Payment, facts: Sequence[Fact]) -> InboxState:
    """Store the message and apply its facts, both or neither."""
    try:
        with atomic():
            order = lock_order(payment.order_id)
            _new_event(letter, payment, InboxState.PROCESSED).save(force_insert=True)
            started = _introduction(letter.message, payment)
            settle(order=order, payment_id=payment.pk, facts=facts, now=letter.received_at, started=started)
    except ProviderContradiction as error:
        return _quarantine(letter, payment, error.detail)
    return InboxState.PROCESSED


def _store_and_ask(letter: Letter, payment: Payment | None, gateway: Gateway) -> InboxState:
    event = _new_event(letter, payment, InboxState.RECEIVED)
    event.save(force_insert=True)
    try:
        return apply_message(event=event, now=letter.received_at)
    except ProviderUnavailable:
        logger.warning("message waits", extra={"provider": letter.provider, "event": letter.message.event_id})
        return InboxState.RECEIVED


def _apply_stored(
    event: WebhookEvent, payment: Payment, facts: Sequence[Fact], started: StartResult | None, now: dt.datetime
) -> InboxState:
    try:
        with atomic():
            order = lock_order(payment.order_id)
            if not _move(event, InboxState.PROCESSED, payment_id=payment.pk, reason="", processed_at=now, due_at=None):
                return _state_now(event)
            settle(order=order, payment_id=payment.pk, facts=facts, now=now, started=started)
    except ProviderContradiction as error:
        return _close(event, payment, InboxState.QUARANTINED, error.detail, now)
    return InboxState.PROCESSED


def _try_to_apply(event: WebhookEvent, now: dt.datetime) -> bool:
    waited = now - event.received_at
    later = now + min(max(waited / 4, RETRY_AFTER), LONGEST_RETRY)
    if not WebhookEvent.objects.filter(pk=event.pk, due_at=event.due_at).update(due_at=later):
        return False
    try:
        apply_message(event=event, now=now)
    except ProviderUnavailable as error:
        logger.warning("message waits", extra={"event": event.event_id, "code": error.code})
        return False
    return True


def _pass_on(letter: Letter) -> InboxState:
    """Store a message about saved payment methods, and let a handler ask the provider for them."""
    with atomic():
        _new_event(letter, None, InboxState.PROCESSED).save(force_insert=True)
        publish(SavedMethodsChanged(provider=letter.provider, customer_reference=letter.message.customer_reference))
    return InboxState.PROCESSED


def _store(letter: Letter, payment: Payment | None, state: InboxState, reason: str = "") -> InboxState:
    WebhookEvent.objects.bulk_create([_new_event(letter, payment, state, reason)], ignore_conflicts=True)
    return state


def _quarantine(letter: Letter, payment: Payment | None, reason: str) -> InboxState:
    """Keep the message where an admin sees why nothing came of it, and tell that it lies there."""
    _store(letter, payment, InboxState.QUARANTINED, reason)
    _report(letter.provider, letter.message.event_id, payment, reason, letter.received_at)
    return InboxState.QUARANTINED


def _close(
    event: WebhookEvent, payment: Payment | None, state: InboxState, reason: str, now: dt.datetime
) -> InboxState:
    known = payment.pk if payment else event.payment_id
    _move(event, state, payment_id=known, reason=reason[:255], processed_at=now, due_at=None)
    if state == InboxState.QUARANTINED:
        _report(event.provider, event.event_id, payment, reason, now)
    return state


def _report(provider: str, event_id: str, payment: Payment | None, reason: str, now: dt.datetime) -> None:
    logger.error("webhook in quarantine", extra={"provider": provider, "event": event_id, "reason": reason})
    report_mismatch(payment=payment, reference=f"{provider}:{event_id}"[:150], detail=reason, now=now)


def _move(event: WebhookEvent, state: InboxState, **values: object) -> bool:
    """Move the message on, unless somebody else has done so meanwhile."""
    unmoved = WebhookEvent.objects.filter(pk=event.pk, state=event.state)
    return bool(unmoved.update(state=state, **values))


def _state_now(event: WebhookEvent) -> InboxState:
    state: str = WebhookEvent.objects.values_list("state", flat=True).get(pk=event.pk)
    return InboxState(state)


def _new_event(letter: Letter, payment: Payment | None, state: InboxState, reason: str = "") -> WebhookEvent:
    event_id = letter.message.event_id
    waits = state == InboxState.RECEIVED
    return WebhookEvent(
        provider=letter.provider,
        event_id=f"{event_id}#{letter.digest[:16]}" if reason == OTHER_BODY else event_id,
        body=letter.body,
        digest=letter.digest,
        state=state,
        reason=reason[:255],
        payment=payment,
        received_at=letter.received_at,
        processed_at=None if waits else letter.received_at,
        due_at=letter.received_at + RETRY_AFTER if waits else None,
    )
