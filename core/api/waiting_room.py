"""Overload sheds, it does not hang: so many requests are worked on at once, the others wait a moment or are refused."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.api.problems import refusal_response
from core.errors import Busy

PATIENCE_SECONDS = 1.0  # how long a request waits for a place
CROWDED_SECONDS = 1.0  # how long nobody waits after one waited in vain: the server's own queue empties
NEVER_WAIT = frozenset({"/healthz", "/readyz"})
logger = logging.getLogger("shop.errors")


class Places:
    """So many may be in at once. Who finds no place waits, first come first served, and not for long."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()
        self._crowded_until = 0.0

    def enter(self) -> bool:
        """Take a place; False when none became free in time, or none is free and somebody waited in vain just now."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if time.monotonic() < self._crowded_until:
                return False
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        return turn.acquire(timeout=PATIENCE_SECONDS) or not self._give_up(turn)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def leave(self) -> None:
        """Hand the place to whoever waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def _give_up(self, turn: threading.Lock) -> bool:
        """Stop waiting; False when the place was handed over in the last moment."""
        with self._lock:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            self._crowded_until = time.monotonic() + CROWDED_SECONDS
            return True


class WaitingRoom:
    """Middleware that lets settings.REQUESTS_AT_ONCE requests of this process through at a time (0: all of them).

    The server has more threads than that: in the others requests wait, and are refused while those at work are stuck
    (behind a held row, a slow provider). Whoever is refused has touched nothing. Answers from memory and probes stand
    before it and need no place.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.REQUESTS_AT_ONCE:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.places = Places(settings.REQUESTS_AT_ONCE)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in NEVER_WAIT:
            return self.get_response(request)
        if not self.places.enter():
            logger.warning("no place for a request: all are taken")
            return refusal_response(Busy("More people came than can be served. Please try again in a moment."))
        try:
            return self.get_response(request)
        finally:
            self.places.leave()
