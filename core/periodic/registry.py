"""Jobs that run every so often, registered in each app's periodic.py."""

import dataclasses
import datetime as dt
from collections.abc import Callable

JobFunction = Callable[[dt.datetime], None]
DEFAULT_LEASE_SECONDS = 600


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A function called with `now`. `name` is stable: its row on record refers to it.

    After `lease_seconds` a run is taken for dead and the job may be started again: longer than it ever takes.
    """

    name: str
    seconds: int
    run: JobFunction
    lease_seconds: int


_jobs: dict[str, Job] = {}


def every(
    *, seconds: int, name: str, lease_seconds: int = DEFAULT_LEASE_SECONDS
) -> Callable[[JobFunction], JobFunction]:
    """Register a job under a stable name ("orders.expire_unpaid"): run by one worker of many, never twice at once.

    Raises ValueError when the name is taken by another function.
    """

    def register(function: JobFunction) -> JobFunction:
        known = _jobs.get(name)
        if known is not None and known.run is not function:
            raise ValueError(f"two periodic jobs are called {name}")
        _jobs[name] = Job(name=name, seconds=seconds, run=function, lease_seconds=lease_seconds)
        return function

    return register


def jobs() -> dict[str, Job]:
    """Return all jobs by name."""
    return dict(_jobs)
