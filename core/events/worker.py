"""The embedded worker: fan-out, handlers and periodic jobs, in threads of their own. Any number may run at once."""

import datetime as dt
from collections.abc import Callable

from core import clock
from core.events.fanout import fan_out
from core.events.feeding import loops_beside
from core.events.leasing import lease_due
from core.events.looping import Loop
from core.events.running import run_all
from core.periodic.looping import PeriodicJobs


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
    """Runs handlers. Told to stop, it finishes the handler in hand and gives the rest back."""

    name = "worker"

    def turn(self) -> bool:
        leased = lease_due(now=clock.now())
        run_all(leased, is_stopping=lambda: self.is_stopping)
        return bool(leased)


class FanOut(Loop):
    """Gives events their places and deliveries, whatever handlers are at, and wakes the worker that is to run them."""

    name = "fan-out"

    def __init__(self, *, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def turn(self) -> bool:
        dispatched = fan_out(now=clock.now())
        if dispatched:
            self._wake()
        return dispatched > 0


def loops_beside_worker(worker: Worker) -> list[Loop]:
    """Return the loops that run beside a worker: a handler that hangs holds up neither the feed nor the clock."""
    return [FanOut(wake=worker.wake), PeriodicJobs(), *loops_beside()]
