"""The two hashes of an IPN, over the fields its `verify_key` lists."""

import hashlib
from collections.abc import Mapping


def sign(fields: Mapping[str, str], store_password: str) -> dict[str, str]:
    """Return the fields with verify_key, verify_sign and verify_sign_sha2 over all of them."""
    return {
        **fields,
        "verify_key": ",".join(sorted(fields)),
        "verify_sign": _digest("md5", fields, store_password),
        "verify_sign_sha2": _digest("sha256", fields, store_password),
    }


def _digest(name: str, fields: Mapping[str, str], store_password: str) -> str:
    password = hashlib.new(name, store_password.encode()).hexdigest()
    pairs = sorted({**fields, "store_passwd": password}.items())
    text = "&".join(f"{key}={value}" for key, value in pairs)
    return hashlib.new(name, text.encode()).hexdigest()
