"""Sends each mail once, as far as mail can be: a repeat carries the same Message-ID, so that the reader sees one.

Nobody can send mail exactly once: between the server's "accepted" and our row a process may die. The Message-ID follows
from the event, therefore a second copy is recognised as the same mail.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMultiAlternatives

from apps.notifications.errors import MailNotAccepted
from apps.notifications.models import SentEmail
from apps.notifications.services.message_ids import known_names, message_id
from apps.notifications.services.rendering import Rendered, render
from core import context


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
    """The mail server has accepted the letter, now or before. Returns whether it was now.

    To be called outside transactions: a mail cannot be rolled back, and a slow server must hold no lock. Whatever the
    mail server raises is passed on, so that the caller is run again. Two statements.
    """
    if _is_settled(letter):
        return False
    name = message_id_of(letter)
    rendered = render(kind=letter.kind, language=letter.language, context=letter.context)
    if not _message(letter, rendered, name).send():
        raise MailNotAccepted(name)
    row = SentEmail(
        message_id=name,
        kind=letter.kind,
        recipient=letter.recipient,
        subject=rendered.subject,
        reference=letter.reference,
    )
    SentEmail.objects.bulk_create([row], ignore_conflicts=True)
    return True


def message_id_of(letter: Letter) -> str:
    """Return the letter's Message-ID: the same event, kind and copy always have the same one."""
    return message_id(kind=letter.kind, event_id=letter.event_id, copy=letter.copy)


def _is_settled(letter: Letter) -> bool:
    names = known_names(kind=letter.kind, event_id=letter.event_id, copy=letter.copy)
    return SentEmail.objects.filter(message_id__in=names).exists()


def _message(letter: Letter, rendered: Rendered, name: str) -> EmailMultiAlternatives:
    headers = {"Message-ID": name, "Auto-Submitted": "auto-generated"}
    if request_id := context.request_id.get():
        headers["X-Request-ID"] = request_id
    message = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        to=[letter.recipient],
        headers=headers,
    )
    message.attach_alternative(rendered.html, "text/html")
    return message
