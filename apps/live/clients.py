"""One client as the hub sees it: a bounded queue towards it, and what it was told."""

import asyncio
import uuid
from collections.abc import Callable

from apps.live.messages import Close, compose
from apps.live.services.visitors import Visitor
from apps.live.shapes import LiveEvent

QUEUED_MAX = 1_000
REPLAYED_ROOM = 600  # more than are ever replayed at once


class Client:
    """What is told goes through `outgoing`, in order. Who lets it fill up is closed: nothing waits for them."""

    def __init__(self, *, visitor: Visitor, drop: Callable[[Close], None]) -> None:
        self.visitor = visitor
        self.drop = drop
        self.outgoing: asyncio.Queue[str] = asyncio.Queue(maxsize=QUEUED_MAX)
        self.since = 0  # the position from which on it is told live
        self.told_stock: dict[uuid.UUID, dict[uuid.UUID, int]] = {}
        self._seen = 0  # events up to here it knows already
        self._held: list[LiveEvent] | None = None

    @property
    def has_room(self) -> bool:
        """Whether it takes what may as well be told later."""
        return self.outgoing.qsize() < QUEUED_MAX - REPLAYED_ROOM

    @property
    def is_held(self) -> bool:
        return self._held is not None

    def tell(self, text: str) -> None:
        """Queue a message."""
        try:
            self.outgoing.put_nowait(text)
        except asyncio.QueueFull:
            self.drop(Close.TOO_SLOW)

    def tell_event(self, event: LiveEvent) -> None:
        """Queue an event, unless the client knows it. While older ones are looked for it waits behind them."""
        if event.position <= self._seen:
            return
        if self._held is None:
            self.tell(event.text)
        elif len(self._held) < QUEUED_MAX:
            self._held.append(event)
        else:
            self.drop(Close.TOO_SLOW)

    def hold(self) -> None:
        """Let new events wait until `replay`."""
        if self._held is None:
            self._held = []

    def replay(self, missed: list[LiveEvent] | None, *, after: int, done: str) -> None:
        """Tell what was missed since `after`, or that there is a gap (None); then that it is `done`, then what has
        waited meanwhile.

        A client may know more than this process has read: what it knows is not told again.
        """
        if missed is None:
            self.tell(compose("gap"))
        else:
            self._seen = after
        for event in missed or ():
            self.tell(event.text)
        self.tell(compose(done, last_id=max(self.since, self._seen)))
        self._release()

    def _release(self) -> None:
        held, self._held = self._held or [], None
        for event in held:
            self.tell_event(event)
