"""Mails as text and HTML, in the reader's language."""

import dataclasses
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation.trans_real import get_supported_language_variant

SUBJECT_LENGTH = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Rendered:
    """A mail ready to be sent. The subject is one line without control characters."""

    subject: str
    text: str
    html: str


def render(*, kind: str, language: str, context: Mapping[str, Any]) -> Rendered:
    """Return the mail of templates/notifications/{kind}.* in a language (the shop's own if it is not offered).

    What customers wrote is escaped in the HTML, and can neither add a header nor break the subject's line.
    """
    with translation.override(offered_language(language)):
        known = {**context, "shop_name": settings.SHOP_NAME}
        subject = one_line(render_to_string(f"notifications/{kind}.subject.txt", known))
        known["subject"] = subject
        return Rendered(
            subject=subject,
            text=_squeeze(render_to_string(f"notifications/{kind}.txt", known)),
            html=render_to_string(f"notifications/{kind}.html", known),
        )


def offered_language(wanted: str) -> str:
    """Return the offered variant of a language code, or the shop's own language."""
    try:
        return get_supported_language_variant(wanted)
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def one_line(text: str, *, length: int = SUBJECT_LENGTH) -> str:
    """Return the text with every run of blanks, line breaks and control characters as one blank, shortened."""
    visible = "".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in text)
    return " ".join(visible.split())[:length]


def _squeeze(text: str) -> str:
    """Return the text with at most one empty line in a row, as the conditions of a template leave several."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"
