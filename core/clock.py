"""The one place that reads the clock. Services are handed `now`; entry points call `now()`."""

import datetime as dt

from django.utils import timezone


def now() -> dt.datetime:
    """Return the current time, aware, in UTC."""
    return timezone.now()
