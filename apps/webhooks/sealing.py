"""Secrets at rest: whoever reads the database, or a copy of it, does not read them."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_PURPOSE = b"shop.webhooks.secrets\n"


class CannotUnseal(Exception):
    """The text was sealed with another SECRET_KEY. Says nothing about it."""


def seal(secret: str) -> str:
    """Return the secret so that only this shop's SECRET_KEY opens it."""
    return _cipher().encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """Return the secret. Raises CannotUnseal; SECRET_KEY_FALLBACKS are tried too."""
    try:
        return _cipher().decrypt(sealed.encode("ascii")).decode()
    except InvalidToken:
        pass
    raise CannotUnseal("the secret was sealed with another SECRET_KEY")


def _cipher() -> MultiFernet:
    keys = [settings.SECRET_KEY, *(str(key) for key in settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([Fernet(_key_of(key)) for key in keys])


def _key_of(text: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(_PURPOSE + text.encode()).digest())
