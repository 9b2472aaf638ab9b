"""Running the periodic jobs that are due, each claimed by one process of many."""

import datetime as dt
import logging
import traceback

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q

from core import clock
from core.periodic.models import PeriodicRun
from core.periodic.registry import Job, jobs

ERROR_CHARACTERS = 4000
EARLIEST = dt.timedelta(seconds=1)
logger = logging.getLogger("shop.periodic")


def run_due(now: dt.datetime) -> int:
    """Run the jobs that are due and that nobody else runs, one after the other; return how many.

    A job that raises is logged, noted in its row and tried again a period later. A job runs outside any transaction.
    """
    return sum(run_if_free(job, now=now) for job in due_jobs(now))


def due_jobs(now: dt.datetime) -> list[Job]:
    """Return the jobs that are due and that nobody runs. One statement when each has its row."""
    registered = jobs()
    known = {row.job: row for row in PeriodicRun.objects.all()}
    _add_rows(set(registered) - set(known), now=now)
    waiting = {job for job, row in known.items() if row.due_at > now or (row.leased_until and row.leased_until > now)}
    return [job for name, job in registered.items() if name not in waiting]


def run_named(name: str, *, now: dt.datetime) -> bool:
    """Run one job if it is due and nobody else runs it; return whether it ran. A name that is not registered never is.

    One that is due within a second, or a quarter of its period, counts as due: whoever asks at regular times would
    otherwise come a moment too early and let every second period pass.
    """
    job = jobs().get(name)
    if job is None:
        return False
    _add_rows({name}, now=now)
    return run_if_free(job, now=now, due_until=now + min(EARLIEST, dt.timedelta(seconds=job.seconds / 4)))


def run_if_free(job: Job, *, now: dt.datetime, due_until: dt.datetime | None = None) -> bool:
    """Run the job if it is due (until a moment, else now) and nobody else runs it; return whether it ran."""
    leased_until = now + dt.timedelta(seconds=job.lease_seconds)
    free = PeriodicRun.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=now), job=job.name, due_at__lte=due_until or now
    )
    if not free.update(leased_until=leased_until, last_started_at=now):
        return False
    error = _run(job, now)
    PeriodicRun.objects.filter(job=job.name, leased_until=leased_until).update(
        leased_until=None,
        due_at=now + dt.timedelta(seconds=job.seconds),
        last_finished_at=clock.now(),
        last_error=error[-ERROR_CHARACTERS:],
    )
    return True


def _add_rows(names: set[str], *, now: dt.datetime) -> None:
    if names:
        PeriodicRun.objects.bulk_create([PeriodicRun(job=name, due_at=now) for name in names], ignore_conflicts=True)


def _run(job: Job, now: dt.datetime) -> str:
    """Return the error's text, empty when all went well. Raises when the database is gone."""
    try:
        job.run(now)
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
            raise
        logger.exception("periodic job failed", extra={"job": job.name})
        return "".join(traceback.format_exception(error)).strip()
    return ""
