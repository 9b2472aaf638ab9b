"""The periodic jobs as Celery beat wants them: each entry only asks whether its job is due."""

import datetime as dt
from typing import Any

from core.events.forwarding import BROKER_SECONDS, queue_name
from core.periodic import upkeep
from core.periodic.registry import Job, jobs

PERIODIC_QUEUE = "periodic"  # of its own: a heap of deliveries does not keep the jobs waiting
RUN_PERIODIC = "core.run_periodic"
LONGEST_QUESTION_PAUSE_SECONDS = 30
SHORTEST_EXPIRY_SECONDS = 10
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return one entry for each registered job.

    A job of an hour is asked about every half minute: when it ran last is in its row, and a beat that was started anew
    would otherwise count its hour from then. Messages that nobody took in time expire, so they do not pile up.
    """
    upkeep.register()
    return {name: _entry(job) for name, job in sorted(jobs().items())}


def _entry(job: Job) -> dict[str, Any]:
    pause = min(job.seconds, LONGEST_QUESTION_PAUSE_SECONDS)
    return {
        "task": RUN_PERIODIC,
        "args": (job.name,),
        "schedule": dt.timedelta(seconds=pause),
        "last_run_at": LONG_AGO,
        "options": {
            "queue": queue_name(PERIODIC_QUEUE),
            "expires": max(pause, SHORTEST_EXPIRY_SECONDS),
            "time_limit": job.lease_seconds,
            "timeout": BROKER_SECONDS,
            "confirm_timeout": BROKER_SECONDS,
        },
    }
