"""The relay: fans events out and forwards their deliveries to the broker. Handlers run in Celery's workers."""

import logging
import time
from collections.abc import Callable

from core import clock
from core.events.fanout import fan_out
from core.events.forwarding import BrokerFailed, Forwarder
from core.events.lateness import WATCH_OUTBOX
from core.events.looping import Loop
from core.periodic import upkeep
from core.periodic.running import run_named

FIRST_BROKER_PAUSE_SECONDS = 1.0
LONGEST_BROKER_PAUSE_SECONDS = 5.0
WATCH_EVERY_SECONDS = 5.0
logger = logging.getLogger("shop.relay")
upkeep.register()


class Relay(Loop):
    """One process's loop. While the broker is away events still get their places, and nothing else is waited for."""

    name = "relay"
    longest_pause_seconds = 0.2  # it is all the delay that an idle shop's mail has

    def __init__(self, *, forwarder: Forwarder | None = None, sleep: Callable[[float], None] | None = None) -> None:
        super().__init__(sleep=sleep)
        self._forwarder = forwarder or Forwarder()
        self._broker_pause = 0.0
        self._broker_at = 0.0
        self._watch_at = 0.0

    def turn(self) -> bool:
        self._watch()
        dispatched = fan_out(now=clock.now())
        return self._forward() > 0 or dispatched > 0

    def close(self) -> None:
        """Drop the connection to the broker."""
        self._forwarder.close()

    def _forward(self) -> int:
        if time.monotonic() < self._broker_at:
            return 0
        try:
            count = self._forwarder.forward(now=clock.now())
        except BrokerFailed as error:
            self._wait_for_broker(error)
            return 0
        self._broker_pause = 0.0
        return count

    def _watch(self) -> None:
        """Raise the alarm from here too: with the broker or its workers gone no other job runs."""
        if time.monotonic() >= self._watch_at:
            self._watch_at = time.monotonic() + WATCH_EVERY_SECONDS
            run_named(WATCH_OUTBOX, now=clock.now())

    def _wait_for_broker(self, error: BrokerFailed) -> None:
        """Let it be for a while. What it was given before may be gone with its memory: that is sent once more."""
        pause = min(max(FIRST_BROKER_PAUSE_SECONDS, self._broker_pause * 2), LONGEST_BROKER_PAUSE_SECONDS)
        self._broker_pause, self._broker_at = pause, time.monotonic() + pause
        extra = {"pause_seconds": pause, "sent_once_more": self._forwarder.forget()}
        logger.error("the broker failed the relay; trying again", exc_info=error, extra=extra)
