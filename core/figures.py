"""How the parts of the shop are, in a word for the health check and in figures for /metrics.

Each app states its own in figures.py: a part of the health check returns "ok" or another word, a set of gauges yields
figures. Both are read from the database when somebody asks, so that they hold for all processes, and both cost few
statements: whoever watches asks every few seconds.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal

OK = "ok"
PartCheck = Callable[[dt.datetime], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Gauge:
    """One figure of /metrics. `values` are pairs of label values and the figure; without labels there is one of ()."""

    name: str
    help: str
    values: tuple[tuple[tuple[str, ...], Decimal | float], ...]
    labels: tuple[str, ...] = ()


GaugeSource = Callable[[dt.datetime], Iterable[Gauge]]

_parts: dict[str, PartCheck] = {}
_sources: dict[str, GaugeSource] = {}


def health_part(name: str) -> Callable[[PartCheck], PartCheck]:
    """Register a part of the health check. Any word but "ok" makes the shop degraded, never down.

    Raises ValueError when the name is taken.
    """

    def register(check: PartCheck) -> PartCheck:
        if _parts.setdefault(name, check) is not check:
            raise ValueError(f"two parts of the health check are called {name}")
        return check

    return register


def gauges(name: str) -> Callable[[GaugeSource], GaugeSource]:
    """Register a set of gauges ("payments"). Raises ValueError when the name is taken."""

    def register(source: GaugeSource) -> GaugeSource:
        if _sources.setdefault(name, source) is not source:
            raise ValueError(f"two sets of gauges are called {name}")
        return source

    return register


def health_parts() -> dict[str, PartCheck]:
    """Return the registered parts by name."""
    return dict(sorted(_parts.items()))


def read_gauges(now: dt.datetime) -> Iterable[Gauge]:
    """Read all registered gauges, by the name of their set."""
    for _, source in sorted(_sources.items()):
        yield from source(now)
