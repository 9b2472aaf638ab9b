"""When a webhook that did not arrive is tried again: soon, then ever more rarely, for three days."""

import datetime as dt
import secrets

KEEP_TRYING = dt.timedelta(days=3)
_MINUTE, _HOUR = 60, 3600
DELAYS_SECONDS = (5, 30, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR)
LONGEST_DELAY_SECONDS = 6 * _HOUR
JITTER = 0.1
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 300
_random = secrets.SystemRandom()


def next_try(*, tries: int, queued_at: dt.datetime, now: dt.datetime) -> dt.datetime | None:
    """Return when to try again after so many tries that failed, None when three days have passed.

    The last try is made when they are over, and no later.
    """
    give_up_at = queued_at + KEEP_TRYING
    if now >= give_up_at:
        return None
    delay = DELAYS_SECONDS[tries - 1] if tries <= len(DELAYS_SECONDS) else LONGEST_DELAY_SECONDS
    return min(now + dt.timedelta(seconds=delay * _random.uniform(1 - JITTER, 1 + JITTER)), give_up_at)


def pause_after(failures: int) -> dt.timedelta:
    """Return how long an endpoint is left alone after so many failures in a row, whatever waits for it."""
    return dt.timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10), LONGEST_PAUSE_SECONDS))
