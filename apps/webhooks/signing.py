"""Signatures by the Standard Webhooks specification 1.0.0 (symmetric, v1).

The secret is "whsec_" and the base64 of its bytes; what is signed is `{id}.{timestamp}.{body}`, with HMAC-SHA256.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signature_header(*, keys: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return `webhook-signature`: one signature for each secret, so that a receiver may know either."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_sign(key, content)}" for key in keys)


def _sign(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii")
