"""The names SSLCommerz knows the shop's attempts and refunds by: their ids in 26 characters, since 30 are allowed.

Base 32 of Crockford's alphabet, as in a ULID. The id can be read back, so that a message about an attempt whose start
was never answered finds it.
"""

import uuid

LENGTH = 26
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {sign: value for value, sign in enumerate(_ALPHABET)}


def name_of(id_: uuid.UUID) -> str:
    """Return the 26 characters of an id: `tran_id` of an attempt, `refund_trans_id` of a refund."""
    return "".join(_ALPHABET[id_.int >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def id_of(name: str) -> uuid.UUID | None:
    """Return the id a name stands for, None for what `name_of` does not write."""
    if len(name) != LENGTH or not _VALUES.keys() >= set(name) or name[0] > "7":
        return None
    number = 0
    for sign in name:
        number = number << 5 | _VALUES[sign]
    return uuid.UUID(int=number)
