"""Feeding the sinks in threads beside the handlers, one each: a slow sink holds up nobody but itself."""

from django.conf import settings

from core.events.looping import Loop
from core.events.sinks import pump_all
from core.events.threads import background_loops


class SinkFeeder(Loop):
    """Gives a sink what is new (all of them, if none is named). Any number of processes may do so at once."""

    name = "sinks"

    def __init__(self, sink: str | None = None) -> None:
        super().__init__()
        self._sink = sink

    def turn(self) -> bool:
        return pump_all(only=self._sink) > 0


def loops_beside() -> list[Loop]:
    """Return the loops that every worker and every relay runs beside its own: one for each sink, and the apps'."""
    feeders: list[Loop] = [SinkFeeder(sink) for sink in settings.EVENT_SINKS]
    return feeders + background_loops()
