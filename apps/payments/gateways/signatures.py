"""Signatures of webhooks in the form `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`: HMAC-SHA256 over `t.body`.

Several v1 values may come while a secret is changed; several secrets may be good while the sender changes over.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Sequence

from apps.payments.gateways.base import GatewayError

TOLERANCE_SECONDS = 300
MAX_HEADER_LENGTH = 2_000
MAX_SIGNATURES = 10


def sign(*, body: bytes, secret: str, timestamp: int) -> str:
    """Return the header that proves `body` was written by a holder of `secret` at `timestamp`."""
    return f"t={timestamp},v1={_digest(body, secret, timestamp)}"


def verify(*, header: str, body: bytes, secrets: Sequence[str], now: dt.datetime) -> None:
    """Return when the header proves the raw body, written within 300 seconds of `now` in either direction.

    Raises GatewayError: webhooks_not_configured (no secret: nothing unsigned is ever accepted), bad_signature, or
    stale_signature. Compares in constant time.
    """
    usable = [secret for secret in secrets if secret]
    if not usable:
        raise GatewayError("webhooks_not_configured", permanent=True)
    timestamp, given = _parse(header)
    expected = [_digest(body, secret, timestamp) for secret in usable]
    # Every pair is compared, so that the time taken does not tell which secret or signature came close.
    if not sum(hmac.compare_digest(theirs, ours) for theirs in given for ours in expected):
        raise GatewayError("bad_signature", permanent=True)
    if abs(now.timestamp() - timestamp) > TOLERANCE_SECONDS:
        raise GatewayError("stale_signature", permanent=True)


def _digest(body: bytes, secret: str, timestamp: int) -> str:
    return hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def _parse(header: str) -> tuple[int, list[str]]:
    """Return the time stamp and the v1 signatures. A header with two time stamps could mean either: refused."""
    if len(header) > MAX_HEADER_LENGTH or not header.isascii():
        raise GatewayError("bad_signature", permanent=True)
    pairs = [entry.strip().partition("=") for entry in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1"]
    if len(stamps) != 1 or not 1 <= len(given) <= MAX_SIGNATURES or not _is_stamp(stamps[0]):
        raise GatewayError("bad_signature", permanent=True)
    return int(stamps[0]), given


def _is_stamp(text: str) -> bool:
    # A canonical number only: "007" would be signed as "7", so that two headers would prove one body.
    return text.isdigit() and len(text) <= 12 and str(int(text)) == text
