"""What Celery workers run: one delivery, or one periodic job. Both are claimed in the database first."""

import logging
import time

from celery import shared_task
from celery.exceptions import Reject
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from core import clock
from core.events.forwarding import RUN_DELIVERY
from core.events.leasing import LEASE_SECONDS, Leased, claim, finish
from core.events.running import run
from core.periodic import upkeep
from core.periodic.running import run_named
from core.periodic.schedule import RUN_PERIODIC

SOFT_LIMIT_SECONDS = LEASE_SECONDS - 10  # the handler is told, and has failed
HARD_LIMIT_SECONDS = LEASE_SECONDS - 2  # its process is ended, before somebody else may take the delivery
DATABASE_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 3.0)
logger = logging.getLogger("shop.tasks")
upkeep.register()


@shared_task(name=RUN_DELIVERY, soft_time_limit=SOFT_LIMIT_SECONDS, time_limit=HARD_LIMIT_SECONDS)
def run_delivery(delivery: str, attempts: int) -> None:
    """Begin the attempt that the message names, unless it was begun already: then there is nothing to do.

    A message that comes while the database is away goes back to its queue.
    """
    leased = _claim_or_wait(delivery, attempts)
    if leased is not None and run(leased):
        finish([leased], now=clock.now())


@shared_task(name=RUN_PERIODIC)
def run_periodic(job: str) -> None:
    """Run the job if it is due and no other process runs it."""
    close_old_connections()
    run_named(job, now=clock.now())


def _claim_or_wait(delivery: str, attempts: int) -> Leased | None:
    for pause in DATABASE_PAUSES_SECONDS:
        try:
            close_old_connections()
            return claim(delivery, attempts=attempts, now=clock.now())
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(pause)
    logger.warning("the database is away; a delivery goes back to its queue", extra={"delivery": delivery})
    raise Reject("the database is away", requeue=True)
