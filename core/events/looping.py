"""A loop that works as long as there is work, rests when there is none, and outlives its database."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 0.5
PAUSE_GROWTH = 1.2
LONGEST_OUTAGE_PAUSE_SECONDS = 5.0
NAP_SECONDS = 0.2
AFTER_FAILURE_SECONDS = 1.0
LONGEST_FAREWELL_SECONDS = 12.0
logger = logging.getLogger("shop.worker")


class Loop:
    """One thread's loop around `turn`. `stop()` may be called from anywhere, also from a signal handler."""

    name = "loop"
    longest_pause_seconds = LONGEST_PAUSE_SECONDS

    def __init__(self, *, sleep: Callable[[float], None] | None = None) -> None:
        self._sleep = sleep or self._nap
        self._stopping = False
        self._pause = SHORTEST_PAUSE_SECONDS
        self._outage_pause = SHORTEST_PAUSE_SECONDS
        self._woken = threading.Event()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def turn(self) -> bool:
        """Do what is to do now; return whether there may be more."""
        raise NotImplementedError

    def stop(self) -> None:
        """Let the loop end soon: the turn in hand is finished."""
        self._stopping = True

    def wake(self) -> None:
        """End the loop's rest: there is something to do. For other threads, not for signal handlers."""
        self._woken.set()

    def run(self) -> None:
        """Work until stopped. A database that goes away is waited for."""
        while not self._stopping:
            try:
                close_old_connections()
                busy = self.turn()
            except (DatabaseError, InterfaceError):
                self._wait_for_database()
            else:
                self._outage_pause = SHORTEST_PAUSE_SECONDS
                self._rest(busy=busy)

    def _rest(self, *, busy: bool) -> None:
        if busy:
            self._pause = SHORTEST_PAUSE_SECONDS
        elif not self._stopping:
            self._sleep(self._pause)
            self._pause = min(self._pause * PAUSE_GROWTH, self.longest_pause_seconds)

    def _wait_for_database(self) -> None:
        extra = {"loop": self.name, "pause_seconds": self._outage_pause}
        logger.exception("the database failed the worker; trying again", extra=extra)
        connection.close()
        self._sleep(self._outage_pause)
        self._outage_pause = min(self._outage_pause * 2, LONGEST_OUTAGE_PAUSE_SECONDS)

    def _nap(self, seconds: float) -> None:
        """Sleep until woken, in naps, so that a long pause does not hold up the end.

        The end wakes nobody: a signal handler that sets an Event its own thread waits for can hang.
        """
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            if self._woken.wait(min(left, NAP_SECONDS)):
                self._woken.clear()
                return


def stop_at_signals(*loops: Loop) -> None:
    """Let SIGTERM and SIGINT stop the loops, all at once."""

    def stop_all(*_: object) -> None:
        for loop in loops:
            loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop_all)


@contextmanager
def beside(loops: Sequence[Loop]) -> Iterator[None]:
    """Run loops in threads of their own, each with its own database connection, while the block runs."""
    threads = [threading.Thread(target=_run_and_close, args=(loop,), name=loop.name, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.stop()
        until = time.monotonic() + LONGEST_FAREWELL_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))


def _run_and_close(loop: Loop) -> None:
    """Run the loop, again when it ended by an error of its own: nobody else would notice that it is gone."""
    while not loop.is_stopping:
        try:
            loop.run()
        except Exception:
            logger.exception("a loop has failed", extra={"loop": loop.name})
            time.sleep(AFTER_FAILURE_SECONDS)
    connection.close()
