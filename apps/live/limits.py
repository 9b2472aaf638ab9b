"""How often a client may speak."""

import time

MESSAGES_AT_ONCE = 20
MESSAGES_PER_SECOND = 2.0


class Allowance:
    """A bucket of messages that fills again with time."""

    def __init__(self) -> None:
        self._left, self._at = float(MESSAGES_AT_ONCE), time.monotonic()

    def take(self) -> bool:
        """Use one; False when there is none."""
        now = time.monotonic()
        self._left = min(MESSAGES_AT_ONCE, self._left + (now - self._at) * MESSAGES_PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
