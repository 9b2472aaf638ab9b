"""Settings of the tokens that must not go into production."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

KEY_MINIMUM_BYTES = 32


@register(Tags.security, deploy=True)
def check_signing_key(**options: Any) -> Sequence[CheckMessage]:
    """HS256 wants a key of at least 256 bits (RFC 7518, section 3.2); a shorter one can be guessed offline."""
    if len(str(settings.SIMPLE_JWT["SIGNING_KEY"]).encode()) >= KEY_MINIMUM_BYTES:
        return []
    hint = f"Set JWT_SIGNING_KEY (or SECRET_KEY) to at least {KEY_MINIMUM_BYTES} random characters."
    return [Error("The key that signs tokens is too short.", hint=hint, id="accounts.E001")]
