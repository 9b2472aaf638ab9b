"""How a guest's lines join a user's: the same arithmetic for every store."""

import uuid
from collections.abc import Mapping

from django.conf import settings


def merge_lines(
    own: Mapping[uuid.UUID, int], offered: Mapping[uuid.UUID, int], limits: Mapping[uuid.UUID, int]
) -> tuple[dict[uuid.UUID, int], dict[uuid.UUID, int]]:
    """Return (lines to write, units left behind). No line is raised above its limit (none: 0), none is lowered."""
    merged: dict[uuid.UUID, int] = {}
    left_behind: dict[uuid.UUID, int] = {}
    room = settings.CART_MAX_LINES - len(own)
    for variant_id, quantity in offered.items():
        before = own.get(variant_id, 0)
        taken = max(0, min(quantity, limits.get(variant_id, 0) - before))
        if not before and taken:
            taken, room = (taken, room - 1) if room > 0 else (0, room)
        if taken:
            merged[variant_id] = before + taken
        if taken < quantity:
            left_behind[variant_id] = quantity - taken
    return merged, left_behind
