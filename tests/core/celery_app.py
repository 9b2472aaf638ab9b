"""The Celery application with handlers whose effects a test can count, for worker processes of tests."""

import os
import signal
from pathlib import Path

from config.celery import app
from core.events import registry
from core.events.registry import Envelope, handles
from tests.core.celery_numbers import KILLS_ITS_PROCESS, WAITS_FOR_EVER
from tests.core.event_kit import Happened

__all__ = ["app"]

EFFECTS = Path(os.environ["EFFECTS"])
registry._handlers.clear()


@handles(Happened, name="tests.first", max_attempts=3)
def note(event: Happened, envelope: Envelope) -> None:
    """Write a line; some numbers do harm in their first attempt."""
    if event.number == KILLS_ITS_PROCESS and envelope.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if event.number == WAITS_FOR_EVER and envelope.attempt == 1:
        write(f"begun {event.number}")
        signal.pause()
    write(f"{event.number}")


def write(line: str) -> None:
    """Append a line in one write, so that processes do not mix theirs."""
    descriptor = os.open(EFFECTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)
