"""Identifiers: time-ordered UUIDs (version 7, RFC 9562) and unguessable tokens."""

import datetime as dt
import hashlib
import secrets
import uuid

from uuid_utils.compat import uuid7

TOKEN_BYTES = 32


def new_id() -> uuid.UUID:
    """Return a UUIDv7: sortable by creation time, so that primary-key indexes grow at one end."""
    return uuid7()


def first_id_at(moment: dt.datetime) -> uuid.UUID:
    """Return the smallest UUIDv7 of that millisecond: keys are in order of time, so a date needs no index."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def new_token() -> str:
    """Return 256 random bits as URL-safe text (43 characters). Store only `hash_token()` of it."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return the hex SHA-256 of a token: what the database keeps (64 characters).

    A plain hash is enough because tokens carry 256 random bits: there is nothing to guess.
    """
    return hashlib.sha256(token.encode()).hexdigest()
