"""The door of the inbox: who sent a message is proven on its raw bytes before anything of it is kept."""

import datetime as dt
import logging
from collections.abc import Mapping

from django.db import IntegrityError

from apps.payments.errors import ProviderUnavailable, ProviderUnknown, WebhookRefused
from apps.payments.gateways.base import Gateway, GatewayError, WebhookMessage
from apps.payments.gateways.registry import find_gateway, webhook_senders
from apps.payments.services.inbox import Letter, file_letter
from apps.payments.states import InboxState

logger = logging.getLogger("shop.payments")


def receive(*, provider: str, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> InboxState:
    """The message is stored and applied, once however often it comes. Returns what became of it.

    PROCESSED (also for a repeat), RECEIVED (stored; it is applied when its provider has answered), IGNORED (of no
    interest) or QUARANTINED (unknown payment, contradicting amount or currency, test mode, known event id with another
    body): the payment is then untouched and the reason is on record. Locks the order. Raises ProviderUnknown and
    WebhookRefused (nothing stored).
    """
    gateway = find_gateway(provider)
    if gateway is None or not gateway.sends_webhooks:
        raise ProviderUnknown
    letter = Letter(provider=provider, message=_read(gateway, body, headers, now), body=body, received_at=now)
    try:
        return file_letter(letter=letter, gateway=gateway)
    except IntegrityError:
        # A twin of this message was stored while we waited for the lock: now it is there to be seen.
        return file_letter(letter=letter, gateway=gateway)


def choose_sender(headers: Mapping[str, str]) -> str:
    """Return the provider whose signature header the request carries, else the only one that sends webhooks.

    Raises ProviderUnknown when neither tells.
    """
    senders = webhook_senders()
    marked = [gateway.name for gateway in senders if gateway.signature_header and headers.get(gateway.signature_header)]
    if len(marked) == 1:
        return marked[0]
    if not marked and len(senders) == 1:
        return senders[0].name
    raise ProviderUnknown


def _read(gateway: Gateway, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> WebhookMessage:
    try:
        return gateway.read_webhook(body=body, headers=headers, now=now)
    except GatewayError as error:
        if not error.permanent:
            raise ProviderUnavailable from error
        logger.warning("webhook refused", extra={"provider": gateway.name, "code": error.code})
        raise WebhookRefused from error
