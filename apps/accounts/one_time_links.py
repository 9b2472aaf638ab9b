"""The text of one-time links: signed, and nothing of it is stored.

A token names its account and its moment, and is signed together with its purpose and with what its use changes: the
address, the password and, for proving an address, when that was done last. So it is dead as soon as one of them has
changed, and no event, row or log holds it: whoever sends it makes it then, the same text each time.
"""

import base64
import binascii
import dataclasses
import datetime as dt
import hmac
import uuid

from django.conf import settings
from django.utils.crypto import salted_hmac

from apps.accounts.errors import InvalidLink
from apps.accounts.models import User
from apps.accounts.states import LinkPurpose

TOKEN_LENGTH = 76
_ID_BYTES, _MOMENT_BYTES, _SIGNATURE_BYTES = 16, 9, 32  # a multiple of three: base64 has one way to write them
_PAGES = {
    LinkPurpose.VERIFY_EMAIL: "account/verify-email",
    LinkPurpose.RESET_PASSWORD: "account/reset-password",
}


@dataclasses.dataclass(frozen=True, slots=True)
class LinkToken:
    """What a token says of itself; nothing of it is believed before `is_signed_for`."""

    user_id: uuid.UUID
    issued_at: dt.datetime
    signature: bytes


def make_link(*, user: User, purpose: LinkPurpose, issued_at: dt.datetime) -> str:
    """Return the storefront's page with the token behind "#", which browsers send to nobody."""
    token = make_token(user=user, purpose=purpose, issued_at=issued_at)
    return f"{settings.STOREFRONT_URL.rstrip('/')}/{_PAGES[purpose]}#token={token}"


def make_token(*, user: User, purpose: LinkPurpose, issued_at: dt.datetime) -> str:
    """Return the token for the account as it is now. The same arguments always give the same text."""
    moment = _milliseconds(issued_at)
    raw = user.pk.bytes + moment.to_bytes(_MOMENT_BYTES) + _signature(user, purpose, moment)
    return base64.urlsafe_b64encode(raw).decode()


def read_token(token: str) -> LinkToken:
    """Return what a token says. Raises InvalidLink for text that is none."""
    if len(token) != TOKEN_LENGTH or not token.isascii():
        raise InvalidLink
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        moment = int.from_bytes(raw[_ID_BYTES : _ID_BYTES + _MOMENT_BYTES])
        issued_at = dt.datetime.fromtimestamp(moment / 1000, dt.UTC)
    except (binascii.Error, ValueError, OverflowError, OSError):
        raise InvalidLink from None
    return LinkToken(uuid.UUID(bytes=raw[:_ID_BYTES]), issued_at, raw[-_SIGNATURE_BYTES:])


def is_good(token: LinkToken, *, user: User, purpose: LinkPurpose, now: dt.datetime) -> bool:
    """Tell whether the token was made for this account as it is now, for this purpose, and not too long ago."""
    expected = _signature(user, purpose, _milliseconds(token.issued_at))
    is_signed = hmac.compare_digest(expected, token.signature)
    return is_signed and user.is_active and now < token.issued_at + lifetime(purpose)


def lifetime(purpose: LinkPurpose) -> dt.timedelta:
    """Return how long a link of that purpose is good."""
    if purpose is LinkPurpose.RESET_PASSWORD:
        return dt.timedelta(minutes=settings.PASSWORD_LINK_MINUTES)
    return dt.timedelta(hours=settings.EMAIL_LINK_HOURS)


def _milliseconds(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


def _signature(user: User, purpose: LinkPurpose, moment: int) -> bytes:
    state = [str(user.pk), str(moment), user.email, user.password, str(user.token_version)]
    if purpose is LinkPurpose.VERIFY_EMAIL:
        state.append(user.email_verified_at.isoformat() if user.email_verified_at else "")
    salt = f"apps.accounts.one_time_links.{purpose.value}"
    return salted_hmac(salt, "\n".join(state), algorithm="sha256").digest()
