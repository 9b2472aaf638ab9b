"""Events and who answers them.

An event is a frozen dataclass in past tense with plain values (str, int, bool, None, list and dict of them; ids and
amounts as text). Its `name` never changes; a changed payload gets a new `version`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `aggregate_id` names the thing it is about (an order's id …)."""

    name: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def aggregate_id(self) -> str:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, slots=True)
class Envelope:
    """What a handler knows beyond the event itself. `event_id` is the same on every retry."""

    event_id: str
    handler: str
    occurred_at: str
    request_id: str
    attempt: int


E_contra = TypeVar("E_contra", bound=Event, contravariant=True)


class Handler(Protocol[E_contra]):
    """Answers an event. May be called twice for the same event and then does no harm."""

    def __call__(self, event: E_contra, envelope: Envelope, /) -> None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """One (event, handler) pair. `name` is stable: deliveries on record refer to it.

    `queue` is where a broker, if there is one, lines it up: slow kinds of work do not hold up the others.
    """

    name: str
    event: type[Event]
    run: Callable[[Any, Envelope], None]
    max_attempts: int
    queue: str


DEFAULT_MAX_ATTEMPTS = 8
QUEUES = ("default", "mail", "documents", "search", "analytics")
_handlers: dict[str, Registration] = {}


def handles(
    event: type[Event], *, name: str, max_attempts: int = DEFAULT_MAX_ATTEMPTS, queue: str = "default"
) -> Callable[[Any], Any]:
    """Register a handler under a stable name ("notifications.order_confirmation").

    Raises ValueError when the name is taken by another function, or the queue is none of QUEUES.
    """
    if queue not in QUEUES:
        raise ValueError(f"there is no queue {queue!r}")

    def register(function: Any) -> Any:
        known = _handlers.get(name)
        if known is not None and known.run is not function:
            raise ValueError(f"two handlers are called {name}")
        _handlers[name] = Registration(name, event, function, max_attempts, queue)
        return function

    return register


def handlers_of(event_name: str) -> list[Registration]:
    """Return the handlers of an event, by name."""
    return sorted(
        (entry for entry in _handlers.values() if entry.event.name == event_name),
        key=lambda entry: entry.name,
    )


def known_events() -> dict[str, type[Event]]:
    """Return every event class of the code by name."""
    found: dict[str, type[Event]] = {}
    waiting: list[type[Event]] = [Event]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "name" in vars(kind):
            found[kind.name] = kind
    return dict(sorted(found.items()))


def find_handler(name: str) -> Registration | None:
    """Return the handler of that name, or None when it is gone from the code."""
    return _handlers.get(name)
