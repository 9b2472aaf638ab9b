"""What a provider wrote and could not deliver, fetched from its own list and filed as if it had come."""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence

from django.db import IntegrityError

from apps.payments.errors import ProviderUnavailable
from apps.payments.gateways.base import Gateway, GatewayError, WebhookMessage
from apps.payments.gateways.registry import webhook_senders
from apps.payments.models import WebhookEvent
from apps.payments.services.inbox import Letter, file_letter
from apps.payments.states import InboxState

LOOKED_BACK = dt.timedelta(hours=1)
LONGEST_LIST = dt.timedelta(days=30)
logger = logging.getLogger("shop.payments")


def take_in_missed_messages(*, now: dt.datetime, since: dt.datetime | None = None) -> int:
    """Every offered provider's undelivered messages since then are filed. Returns how many were new.

    None: since an hour before the last message that was heard of it, because messages arrive in no order. A provider
    that does not answer is logged, and what it wrote is found by the next run.
    """
    taken = 0
    for gateway in webhook_senders():
        try:
            taken += take_in(gateway=gateway, since=since or _heard_until(gateway.name, now), now=now).total()
        except ProviderUnavailable:
            logger.warning("missed messages wait", extra={"provider": gateway.name})
    return taken


def take_in(*, gateway: Gateway, since: dt.datetime, now: dt.datetime) -> Counter[InboxState]:
    """The provider's undelivered messages since then are in the inbox, each once. Returns what became of the new ones.

    A message whose id is known is passed over, whatever its digest: a list tells it in other bytes than a webhook.
    The list is read to its end before the first message is filed, so that one that breaks off is read again from its
    beginning. Raises ProviderUnavailable.
    """
    try:
        listed = list(gateway.missed_messages(since=max(since, now - LONGEST_LIST), now=now))
    except GatewayError as error:
        logger.warning("no list of messages", extra={"provider": gateway.name, "code": error.code})
        raise ProviderUnavailable from error
    known = _known_ids(gateway.name, [message for message, _ in listed])
    states: Counter[InboxState] = Counter()
    for message, body in listed:
        if message.event_id not in known:
            known.add(message.event_id)
            states.update(_file(gateway, Letter(gateway.name, message, body, received_at=now)))
    return states


def _known_ids(provider: str, messages: Sequence[WebhookMessage]) -> set[str]:
    known: set[str] = set()
    ids = [message.event_id for message in messages]
    for start in range(0, len(ids), 500):
        found = WebhookEvent.objects.filter(provider=provider, event_id__in=ids[start : start + 500])
        known.update(found.order_by().values_list("event_id", flat=True))
    return known


def _file(gateway: Gateway, letter: Letter) -> list[InboxState]:
    try:
        return [file_letter(letter=letter, gateway=gateway)]
    except IntegrityError:
        return []  # its webhook has arrived at this moment


def _heard_until(provider: str, now: dt.datetime) -> dt.datetime:
    """Return since when messages may have been missed. One statement, from an index."""
    heard = WebhookEvent.objects.filter(provider=provider).order_by("-received_at")
    newest = heard.values_list("received_at", flat=True).first()
    return (newest or now) - LOOKED_BACK
