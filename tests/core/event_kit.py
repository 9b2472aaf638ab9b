"""Events and handlers for tests of the outbox, registered only while a test runs."""

import dataclasses
import datetime as dt
from typing import Any, ClassVar

from core import clock
from core.events.models import OutboxDelivery
from core.events.publishing import publish
from core.events.registry import Envelope, Event, handles
from core.transactions import atomic

SOON = dt.timedelta(seconds=1)
LONG = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Happened(Event):
    """Something to tell about."""

    name: ClassVar[str] = "tests.happened"
    number: int

    @property
    def aggregate_id(self) -> str:
        return str(self.number)


@dataclasses.dataclass
class Recorder:
    """A handler that remembers its calls and fails as often as it is told to."""

    failures_left: int = 0
    calls: list[tuple[int, Envelope]] = dataclasses.field(default_factory=list)

    def __call__(self, event: Any, envelope: Envelope) -> None:
        self.calls.append((event.number, envelope))
        if self.failures_left:
            self.failures_left -= 1
            raise RuntimeError("the printer is on fire")

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.calls]


def register(name: str = "tests.first", *, failures: int = 0, max_attempts: int = 8) -> Recorder:
    recorder = Recorder(failures_left=failures)
    handles(Happened, name=name, max_attempts=max_attempts)(recorder)
    return recorder


def tell(*numbers: int) -> None:
    """Publish one event for each number, in a transaction of its own."""
    with atomic():
        publish(*(Happened(number=number) for number in numbers))


def only_delivery() -> OutboxDelivery:
    return OutboxDelivery.objects.get()


def later(delta: dt.timedelta) -> dt.datetime:
    return clock.now() + delta
