"""manage.py retry_deliveries: failed deliveries are tried again at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core import clock
from core.events.dead_letters import retry_now
from core.events.models import DeliveryState, OutboxDelivery


class Command(BaseCommand):
    """Makes deliveries due at once, with all their attempts before them. Those in a worker's hands are left alone."""

    help = "Has dead deliveries, and those that wait for their next attempt, tried again at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--handler", metavar="NAME", help="only of this handler (notifications.order_confirmation)")
        parser.add_argument("--dead", action="store_true", help="only those that used up their attempts")

    def handle(self, *args: Any, **options: Any) -> None:
        states = [DeliveryState.DEAD] if options["dead"] else [DeliveryState.DEAD, DeliveryState.PENDING]
        chosen = OutboxDelivery.objects.filter(state__in=states)
        if options["handler"]:
            chosen = chosen.filter(handler=options["handler"])
        count = retry_now(chosen, now=clock.now())
        self.stdout.write(f"{count} deliveries will be tried at once.")
