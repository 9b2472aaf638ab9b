"""Order numbers: short enough to read out, too many to guess."""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U to misread
GROUPS, GROUP_LENGTH = 3, 4


def new_order_number() -> str:
    """Return a random order number of 60 bits ("K7QF-2M9X-W3TB"). It tells neither time nor turnover."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
