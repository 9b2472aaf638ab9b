"""Mails to those who run the shop: settings.OPERATOR_EMAILS, or every admin when none are named."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.accounts.models import User
from apps.notifications.selectors import admin_ids, without_opted_out
from apps.notifications.services.mailing import Letter, send_each
from apps.notifications.states import Channel, Kind
from core.events.registry import Envelope


def tell_operators(
    *, kind: str, wish: Kind, event_id: str, reference: str, page: str, context: Mapping[str, Any]
) -> None:
    """Each operator has a letter of their own, with a link to `page` of the back office ("orders/order/<id>/change/").

    Admins who do not wish for this kind of mail get none; settings.OPERATOR_EMAILS always do. Harmless when called
    again: who has it gets no second one. Raises an ExceptionGroup when some could not be sent theirs.
    """
    link = f"{settings.PUBLIC_URL.rstrip('/')}/admin/{page}"
    letters = [
        Letter(
            kind=kind,
            event_id=event_id,
            recipient=address,
            language="",
            context={**context, "link": link},
            reference=reference,
            copy=hashlib.sha256(address.lower().encode()).hexdigest()[:12],
        )
        for address in _operators(wish)
    ]
    send_each(letters=letters)


def hourly_name(what: str, envelope: Envelope) -> str:
    """Return a name in the place of the event's own that all events about one thing share for an hour."""
    return f"{what}.{dt.datetime.fromisoformat(envelope.occurred_at):%Y%m%d%H}"


def _operators(wish: Kind) -> list[str]:
    if settings.OPERATOR_EMAILS:
        return list(settings.OPERATOR_EMAILS)
    told = without_opted_out(admin_ids(), kind=wish, channel=Channel.MAIL)
    return list(User.objects.filter(pk__in=told).order_by("date_joined", "id").values_list("email", flat=True))
