"""The embedded worker: brings events to their handlers and starts periodic jobs. Any number may run at once."""

import datetime as dt
import time
from collections.abc import Callable

from core import clock
from core.events.fanout import fan_out
from core.events.leasing import lease_due
from core.events.looping import Loop
from core.events.running import run_all
from core.periodic import upkeep
from core.periodic.running import run_due

PERIODIC_EVERY_SECONDS = 1.0
upkeep.register()


def deliver_all_due(now: dt.datetime | None = None) -> int:
    """Fan out and run everything that is due, also what handlers publish, until it is quiet.

    Returns how many deliveries were done. With `now` the clock stands still at that moment.
    """
    done = 0
    while True:
        dispatched = fan_out(now=now or clock.now())
        leased = lease_due(now=now or clock.now())
        done += run_all(leased, now=now)
        if not dispatched and not leased:
            return done


class Worker(Loop):
    """One process's loop. Told to stop, it finishes the handler in hand and gives the rest back."""

    name = "worker"

    def __init__(self, *, sleep: Callable[[float], None] | None = None) -> None:
        super().__init__(sleep=sleep)
        self._periodic_at = 0.0

    def turn(self) -> bool:
        self._run_periodic_jobs()
        dispatched = fan_out(now=clock.now())
        leased = lease_due(now=clock.now())
        run_all(leased, is_stopping=lambda: self.is_stopping)
        return bool(leased) or dispatched > 0

    def _run_periodic_jobs(self) -> None:
        if time.monotonic() >= self._periodic_at:
            self._periodic_at = time.monotonic() + PERIODIC_EVERY_SECONDS
            run_due(clock.now())
