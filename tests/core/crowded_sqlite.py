"""A worker's threads on a SQLite file, beside others that write: run by a test in a process of its own.

Prints one line of JSON: how many events were told, placed and answered, how often the jobs ran, and what was logged.
"""

import datetime as dt
import json
import logging
import threading
import time

import django

WRITERS, EVENTS_EACH, JOBS = 3, 60, 4
PATIENCE_SECONDS = 120.0


class Kept(logging.Handler):
    """Keeps what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.exc_info and record.exc_info[1]}")


def main() -> None:
    django.setup()

    from django.core.management import call_command
    from django.db import connection

    from core.events import registry
    from core.events.looping import beside
    from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
    from core.events.worker import Worker, loops_beside_worker
    from core.periodic import registry as periodic_registry
    from tests.core.event_kit import register, tell

    call_command("migrate", verbosity=0)
    registry._handlers.clear()
    periodic_registry._jobs.clear()
    log, runs = Kept(), []
    logging.getLogger().addHandler(log)
    logging.getLogger("shop").addHandler(log)
    handler = register()

    def work(now: dt.datetime) -> None:
        runs.append(now)
        tell(-1)

    for number in range(JOBS):
        periodic_registry.every(seconds=1, name=f"tests.job_{number}")(lambda now: work(now))

    def write() -> None:
        for number in range(EVENTS_EACH):
            tell(number)
        connection.close()

    def is_done() -> bool:
        done = OutboxDelivery.objects.filter(state=DeliveryState.DONE, event__payload__number__gte=0).count()
        return done == WRITERS * EVENTS_EACH and len(runs) >= 3 * JOBS

    worker = Worker()
    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    with beside([worker, *loops_beside_worker(worker)]):
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_done() and time.monotonic() < until:
            time.sleep(0.1)
    told = OutboxEvent.objects.filter(payload__number__gte=0)
    placed = told.filter(position__isnull=False).count()
    answered = sum(number >= 0 for number in handler.numbers)
    print(
        json.dumps(
            {
                "told": told.count(),
                "placed": placed,
                "answered": answered,
                "jobs": len(runs) >= 3 * JOBS,
                "log": log.lines,
            }
        )
    )


if __name__ == "__main__":
    main()
