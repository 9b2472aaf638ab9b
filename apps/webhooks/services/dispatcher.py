"""The loop that sends webhooks, beside the worker or the relay: many endpoints at once, the slow ones by themselves."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import close_old_connections, connection

from apps.webhooks.services.serving import Claim, claim_due, serve
from core import clock
from core.events.looping import Loop

QUICK_THREADS = 6
SLOW_THREADS = 4
logger = logging.getLogger("shop.webhooks")


class Lane:
    """Threads for one kind of endpoints. A claim is taken only when a thread is free for it."""

    def __init__(self, *, threads: int, is_slow: bool) -> None:
        self.is_slow = is_slow
        self._threads = threads
        self._busy = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="slow-webhooks" if is_slow else "webhooks")

    def fill(self, is_stopping: Callable[[], bool]) -> int:
        """Set the free threads to work; return how many endpoints are being served anew."""
        count, free = 0, self._threads - self._busy
        if free > 0:
            for claim in claim_due(now=clock.now(), limit=free, is_slow=self.is_slow):
                self._start(claim, is_stopping)
                count += 1
        return count

    def close(self) -> None:
        """Wait for the tries that are on their way: each takes a few seconds at most."""
        self._pool.shutdown(wait=True)

    def _start(self, claim: Claim, is_stopping: Callable[[], bool]) -> None:
        with self._lock:
            self._busy += 1
        self._pool.submit(self._serve, claim, is_stopping)

    def _serve(self, claim: Claim, is_stopping: Callable[[], bool]) -> None:
        try:
            close_old_connections()
            serve(claim, is_stopping=is_stopping)
        except Exception:
            logger.exception("an endpoint was not served", extra={"endpoint": str(claim.endpoint_id)})
        finally:
            connection.close()
            with self._lock:
                self._busy -= 1


class Dispatcher(Loop):
    """Serves the endpoints that something is due to. Any number of processes may do so at once.

    An endpoint that is new, took long or failed the last time is served by threads of its own kind, so that however
    many of them hang, the others are served as if they were not there.
    """

    name = "webhooks"

    def run(self) -> None:
        self._lanes = (Lane(threads=QUICK_THREADS, is_slow=False), Lane(threads=SLOW_THREADS, is_slow=True))
        try:
            super().run()
        finally:
            for lane in self._lanes:
                lane.close()

    def turn(self) -> bool:
        return sum(lane.fill(lambda: self.is_stopping) for lane in self._lanes) > 0
