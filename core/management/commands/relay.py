"""manage.py relay: forwards the outbox to the broker, for Celery's workers."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.events.feeding import loops_beside
from core.events.looping import beside, stop_at_signals
from core.events.relay import Relay


class Command(BaseCommand):
    """Works until SIGTERM or SIGINT. Any number of relays may run at once."""

    help = "Forwards the outbox to the broker of CELERY_BROKER_URL, until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="forward what is due now, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CELERY_BROKER_URL:
            raise CommandError("There is no CELERY_BROKER_URL. Without a broker `manage.py worker` does the work.")
        relay = Relay()
        if options["once"]:
            relay.turn()
            relay.close()
            return
        others = loops_beside()
        stop_at_signals(relay, *others)
        self.stdout.write(f"Relay: forwarding the outbox (process {os.getpid()}).")
        self.stdout.flush()
        with beside(others):
            relay.run()
        relay.close()
        self.stdout.write("Relay: stopped.")
