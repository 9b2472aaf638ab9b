"""How SSLCommerz signs what it sends: two hashes over the fields that the message itself says are signed.

The password is part of the hashed text and the text is chosen by the sender, so a signature proves no more than the
fields it covers: those the shop acts on have to be among them, and the shop asks the provider all the same.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from apps.payments.gateways.base import GatewayError

MAX_FIELDS = 100
_ALWAYS_SIGNED = frozenset({"amount", "currency", "status", "store_id", "tran_id"})
_SUCCESSFUL = frozenset({"VALID", "VALIDATED"})
_BYTES = "surrogateescape"  # what is hashed are the bytes that came, whatever their encoding was meant to be


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form-encoded body. Raises GatewayError (malformed).

    A field that comes twice could mean either, so that it is refused.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors=_BYTES, max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise GatewayError("malformed", permanent=True) from None
    fields = dict(pairs)
    if not fields or len(fields) != len(pairs):
        raise GatewayError("malformed", permanent=True)
    return fields


def verify(fields: Mapping[str, str], *, store_password: str) -> None:
    """Raise GatewayError (bad_signature) unless the fields were signed with the store's password.

    `verify_sign` (MD5) is required, and `verify_sign_sha2` wherever it is sent. Both are always compared, in constant
    time. An empty password proves nothing: everybody knows it.
    """
    signed = signed_fields(fields)
    expected = _hash(signed, store_password, hashlib.md5)
    is_proven = _equal(fields.get("verify_sign", ""), expected)
    if "verify_sign_sha2" in fields:
        is_proven &= _equal(fields["verify_sign_sha2"], _hash(signed, store_password, hashlib.sha256))
    if not (is_proven and store_password):
        raise GatewayError("bad_signature", permanent=True)


def signed_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that `verify_key` lists. Raises GatewayError (bad_signature) if it lists one that did not
    come, or leaves out one that the shop acts on."""
    names = set(fields.get("verify_key", "").split(","))
    if not names >= _must_be_signed(fields) or not names <= fields.keys():
        raise GatewayError("bad_signature", permanent=True)
    return {name: fields[name] for name in names}


def _must_be_signed(fields: Mapping[str, str]) -> frozenset[str]:
    """`val_id` is the name of a successful try: messages about other tries may come without it."""
    needs_name = "val_id" in fields or fields.get("status") in _SUCCESSFUL
    return _ALWAYS_SIGNED | {"val_id"} if needs_name else _ALWAYS_SIGNED


def _hash(signed: Mapping[str, str], password: str, algorithm: Callable[[bytes], Any]) -> str:
    covered = {**signed, "store_passwd": algorithm(password.encode()).hexdigest()}
    text = "&".join(f"{name}={covered[name]}" for name in sorted(covered))
    digest: str = algorithm(text.encode(errors=_BYTES)).hexdigest()
    return digest


def _equal(theirs: str, ours: str) -> bool:
    return hmac.compare_digest(theirs.encode(errors=_BYTES), ours.encode())
