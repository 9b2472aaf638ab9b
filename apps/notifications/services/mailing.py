"""Sends each mail once, as far as mail can be: a repeat carries the same Message-ID, so that the reader sees one.

Nobody can send mail exactly once: between the server's "accepted" and our row a process may die. The Message-ID follows
from the event, therefore a second copy is recognised as the same mail.
"""

import dataclasses
import logging
import secrets
import smtplib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import InterfaceError, OperationalError

from apps.notifications.errors import MailInFlight, MailNotAccepted, MailsLeft
from apps.notifications.models import SentEmail
from apps.notifications.services import mail_claims
from apps.notifications.services.message_ids import known_names, message_id
from apps.notifications.services.refusals import final_refusal
from apps.notifications.services.rendering import Rendered, render
from core import clock, context

LATEST_LETTER_SECONDS = 10.0  # then none is begun: what is left of a delivery's lease is for the one in hand
WITH_DEADLINE = {"django.core.mail.backends.smtp.EmailBackend": "core.smtp.EmailBackend"}
_random = secrets.SystemRandom()
logger = logging.getLogger("shop.mail")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail to be: `kind` names its templates, `event_id` the event it answers, `reference` what it is about.

    `copy` tells letters of one kind about one event apart when several people get one.
    """

    kind: str
    event_id: str
    recipient: str
    language: str
    context: Mapping[str, Any]
    reference: str = ""
    copy: str = ""


def send_once(*, letter: Letter) -> bool:
    """The mail server has accepted the letter or refused its address for good, now or before. Returns whether it has
    accepted it now.

    To be called outside transactions: a mail cannot be rolled back, and a slow server must hold no lock. Raises
    MailInFlight while another process sends it. Whatever else the mail server raises is passed on, so that the caller
    is run again. One statement for a letter that is on record; six, four of them before the server is spoken to, for
    one that is not.
    """
    if _is_settled(letter):
        return False
    name = message_id_of(letter)
    lease = mail_claims.claim(message_id=name, now=clock.now())
    if lease is None:
        if _is_settled(letter):  # between our look and our claim
            return False
        raise MailInFlight(name)
    try:
        return not _is_settled(letter) and _send(letter, name)
    finally:
        mail_claims.release(message_id=name, lease=lease)


def send_each(*, letters: Sequence[Letter]) -> int:
    """All letters of one delivery are settled, as by send_once; return how many were accepted now.

    What goes wrong with one keeps no other from being tried; an ExceptionGroup tells all of it at the end, so that the
    caller is run again, for those who have none yet. The order is left to chance, and no letter is begun after
    LATEST_LETTER_SECONDS: an address that takes long does not take the time of the same others on each attempt.
    """
    sent, begun_at = 0, time.monotonic()
    errors: list[Exception] = []
    for position, letter in enumerate(_random.sample(letters, len(letters))):
        if time.monotonic() - begun_at >= LATEST_LETTER_SECONDS:
            errors.append(MailsLeft(f"{len(letters) - position} mails were not begun"))
            break
        try:
            sent += send_once(letter=letter)
        except (OperationalError, InterfaceError):
            raise  # it is the database that fails: nobody's mail could be noted
        except Exception as error:  # noqa: BLE001 - raised again below, with what else went wrong
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"of {len(letters)} mails not all were sent", errors)
    return sent


def message_id_of(letter: Letter) -> str:
    """Return the letter's Message-ID: the same event, kind and copy always have the same one."""
    return message_id(kind=letter.kind, event_id=letter.event_id, copy=letter.copy)


def _is_settled(letter: Letter) -> bool:
    names = known_names(kind=letter.kind, event_id=letter.event_id, copy=letter.copy)
    return SentEmail.objects.filter(message_id__in=names).exists()


def _send(letter: Letter, name: str) -> bool:
    rendered, refusal = render(kind=letter.kind, language=letter.language, context=letter.context), ""
    try:
        if not _message(letter, rendered, name).send():
            raise MailNotAccepted(name)
    except smtplib.SMTPRecipientsRefused as error:
        refusal = final_refusal(error)
        if not refusal:
            raise
        logger.warning("mail refused for good", extra={"mail": name, "kind": letter.kind, "refusal": refusal[:3]})
    _note(letter, name, rendered, refusal)
    return not refusal


def _note(letter: Letter, name: str, rendered: Rendered, refusal: str) -> None:
    row = SentEmail(
        message_id=name,
        kind=letter.kind,
        recipient=letter.recipient,
        subject=rendered.subject,
        reference=letter.reference,
        refusal=refusal,
    )
    SentEmail.objects.bulk_create([row], ignore_conflicts=True)


def _message(letter: Letter, rendered: Rendered, name: str) -> EmailMultiAlternatives:
    headers = {"Message-ID": name, "Auto-Submitted": "auto-generated"}
    if request_id := context.request_id.get():
        headers["X-Request-ID"] = request_id
    message = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        to=[letter.recipient],
        headers=headers,
        connection=_connection(),
    )
    message.attach_alternative(rendered.html, "text/html")
    return message


def _connection() -> BaseEmailBackend:
    """Return the backend of the settings; for Django's SMTP, ours, which comes to an end within a claim's lease."""
    return get_connection(WITH_DEADLINE.get(settings.EMAIL_BACKEND, settings.EMAIL_BACKEND))
