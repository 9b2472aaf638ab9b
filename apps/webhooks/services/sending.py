"""One try of one webhook: the message goes out, outside any transaction, and the outcome is written down."""

import dataclasses
import datetime as dt
import logging
import time

from django.conf import settings

from apps.webhooks.locks import find_locked
from apps.webhooks.models import ANSWER_LENGTH, ERROR_LENGTH, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.webhooks.retries import next_try
from apps.webhooks.sealing import CannotUnseal
from apps.webhooks.services.addresses import allowed_ports
from apps.webhooks.services.health import note_failure, note_success
from apps.webhooks.services.messages import Message, find_event, make_message
from apps.webhooks.states import WebhookState
from core.http_client import FetchFailed, send
from core.transactions import atomic

ANSWER_MAX_BYTES = 4 * ANSWER_LENGTH
NOT_KEPT = "the event is no longer kept"
logger = logging.getLogger("shop.webhooks")


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a try went. `status` None: there was no answer, and `error` says why."""

    sent_at: dt.datetime
    milliseconds: int
    status: int | None = None
    error: str = ""
    answer: str = ""

    @property
    def has_arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def try_delivery(delivery: WebhookDelivery, *, now: dt.datetime) -> bool:
    """Send the webhook to its endpoint once and note the outcome. Returns whether the endpoint may be sent the next.

    After a 2xx it is delivered. Otherwise it is due again later, or failed when three days have passed; a 410 or three
    days without success switch the endpoint off. An event that is no longer kept is dropped. Locks the endpoint while
    the outcome is written, which is void if the delivery was changed meanwhile. Publishes WebhookEndpointDisabled.
    """
    event = find_event(delivery.event_id)
    if event is None:
        return _drop(delivery, now=now)
    try:
        message = make_message(event, endpoint=delivery.endpoint, now=now)
    except CannotUnseal as error:
        outcome = Outcome(sent_at=now, milliseconds=0, error=str(error))
    else:
        outcome = _post(message, url=delivery.endpoint.url, now=now)
    with atomic():
        return _note(delivery, outcome)


def _post(message: Message, *, url: str, now: dt.datetime) -> Outcome:
    began = time.monotonic()
    try:
        answered = send(
            url,
            body=message.body,
            headers=message.headers,
            max_bytes=ANSWER_MAX_BYTES,
            timeout_seconds=settings.WEBHOOK_TIMEOUT_SECONDS,
            allowed_networks=settings.WEBHOOK_ALLOWED_NETWORKS,
            allowed_ports=allowed_ports(),
        )
    except FetchFailed as error:
        return Outcome(sent_at=now, milliseconds=_since(began), error=error.reason[:ERROR_LENGTH])
    error_text = "" if 200 <= answered.status < 300 else f"the receiver answered {answered.status}"
    return Outcome(
        sent_at=now,
        milliseconds=_since(began),
        status=answered.status,
        error=error_text,
        answer=_printable(answered.beginning),
    )


def _note(delivery: WebhookDelivery, outcome: Outcome) -> bool:
    endpoint = find_locked(delivery.endpoint_id)
    if endpoint is None or not _move(delivery, outcome):
        return False
    WebhookAttempt.objects.create(
        delivery=delivery,
        number=delivery.attempts + 1,
        sent_at=outcome.sent_at,
        milliseconds=outcome.milliseconds,
        status=outcome.status,
        error=outcome.error,
        answer=outcome.answer,
    )
    if outcome.has_arrived:
        note_success(endpoint, milliseconds=outcome.milliseconds, now=outcome.sent_at)
    else:
        _log(endpoint, delivery, outcome)
        note_failure(endpoint, status=outcome.status, now=outcome.sent_at)
    return outcome.has_arrived


def _move(delivery: WebhookDelivery, outcome: Outcome) -> bool:
    """Write where the delivery stands now; return False if it was queued anew, or finished, meanwhile."""
    tries, now = delivery.attempts + 1, outcome.sent_at
    again_at = None if outcome.has_arrived else next_try(tries=tries, queued_at=delivery.queued_at, now=now)
    state = WebhookState.DELIVERED if outcome.has_arrived else WebhookState.PENDING if again_at else WebhookState.FAILED
    unchanged = WebhookDelivery.objects.pending().filter(
        pk=delivery.pk, attempts=delivery.attempts, queued_at=delivery.queued_at
    )
    changed = unchanged.update(
        attempts=tries,
        state=state,
        due_at=again_at or delivery.due_at,
        finished_at=None if again_at else now,
        last_status=outcome.status,
        last_error=outcome.error,
    )
    return bool(changed)


def _drop(delivery: WebhookDelivery, *, now: dt.datetime) -> bool:
    WebhookDelivery.objects.pending().filter(pk=delivery.pk).update(
        state=WebhookState.DROPPED, finished_at=now, last_error=NOT_KEPT
    )
    return True


def _log(endpoint: WebhookEndpoint, delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Neither the address, which may hold a key, nor what the receiver said."""
    extra = {
        "endpoint": str(endpoint.pk),
        "host": endpoint.host,
        "event_id": str(delivery.event_id),
        "status": outcome.status,
        "reason": outcome.error,
    }
    logger.warning("a webhook did not arrive", extra=extra)


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _printable(beginning: bytes) -> str:
    text = beginning.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:ANSWER_LENGTH]
