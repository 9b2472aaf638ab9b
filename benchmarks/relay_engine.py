"""The processes that benchmarks/relay.py measures: the shop's own, with one handler that does nothing.

`python -m benchmarks.relay_engine worker|relay` and `celery -A benchmarks.relay_engine worker`.
"""

import dataclasses
import os
import sys
from typing import ClassVar

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

import django

django.setup()

from django.core.management import call_command

from config.celery import app
from core.events import registry
from core.events.registry import Envelope, Event, handles

__all__ = ["app"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured(Event):
    """An event about nothing."""

    name: ClassVar[str] = "bench.measured"
    number: int

    @property
    def aggregate_id(self) -> str:
        return str(self.number)


registry._handlers.clear()


@handles(Measured, name="bench.do_nothing")
def do_nothing(event: Measured, envelope: Envelope) -> None:
    """What is measured is everything around this."""


if __name__ == "__main__":
    call_command(sys.argv[1])
