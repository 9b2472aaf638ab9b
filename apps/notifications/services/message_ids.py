"""What mails are called: a Message-ID follows from the event, so a copy is recognised as the same mail."""

import base64
import hashlib

from django.conf import settings

LONGEST = 66  # "Message-ID: " and this make a line of 78 characters: a longer one is folded, and some then read nothing
LONGEST_DOMAIN = 40  # leaves room for the token and a bit of the kind
_TOKEN_BYTES = 15  # twenty characters of base64, none of them padding


def message_id(*, kind: str, event_id: str, copy: str = "") -> str:
    """Return the Message-ID of a letter that may not be written yet: the same event, kind and copy have the same one.

    It begins with the kind, for people; what tells mails apart is the token behind it. Beside a long domain the kind
    is cut.
    """
    token = _token(kind, event_id, copy)
    tail = f".{token}@{settings.EMAIL_MESSAGE_ID_DOMAIN}>"
    return f"<{kind[: LONGEST - len(tail) - 1]}{tail}"


def known_names(*, kind: str, event_id: str, copy: str = "") -> tuple[str, str]:
    """Return the names under which such a letter may be on record: its Message-ID, and what that was before.

    Mails used to be called by their event's id in full, which made the header longer than a line. Those that are on
    record under such a name are not sent again. A mail that the server took and that was not yet on record when the
    shop was upgraded is the one that comes twice under two names: it would have come twice in any case.
    """
    name = ".".join(filter(None, (kind, event_id, copy)))
    former = f"<{name}@{settings.EMAIL_MESSAGE_ID_DOMAIN}>"
    return message_id(kind=kind, event_id=event_id, copy=copy), former


def _token(kind: str, event_id: str, copy: str) -> str:
    digest = hashlib.sha256("\n".join((kind, event_id, copy)).encode()).digest()
    return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode()
