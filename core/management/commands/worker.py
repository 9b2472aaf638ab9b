"""manage.py worker: brings events to their handlers and runs the periodic jobs."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core import clock
from core.events.looping import beside, stop_at_signals
from core.events.worker import Worker, deliver_all_due, loops_beside_worker
from core.periodic.running import run_due

NICENESS = 10  # customers first: on a busy machine what may happen later yields to the web server


class Command(BaseCommand):
    """Works until SIGTERM or SIGINT, and then finishes the handler in hand. Any number of workers may run at once."""

    help = "Brings events to their handlers and runs the periodic jobs, until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            jobs = run_due(clock.now())
            self.stdout.write(f"Worker: {jobs} periodic jobs run, {deliver_all_due()} deliveries done.")
            return
        os.nice(NICENESS)
        worker = Worker()
        others = loops_beside_worker(worker)
        stop_at_signals(worker, *others)
        self.stdout.write(f"Worker: watching the outbox (process {os.getpid()}).")
        self.stdout.flush()
        with beside(others):
            worker.run()
        self.stdout.write("Worker: stopped.")
