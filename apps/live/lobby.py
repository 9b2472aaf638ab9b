"""The lobby: who is connected and has not said who they are. They take the place of nobody who has."""

from collections.abc import Iterable
from typing import Protocol

from django.conf import settings

from apps.live.messages import Close


class Stranger(Protocol):
    """A connection of somebody unknown. `is_silent` until it has said anything."""

    is_silent: bool

    def drop(self, code: Close) -> None: ...


class Lobby:
    """So many strangers of one network, and of all what the places leave. Where one more comes, the one that has been
    silent for longest goes: who is about to be known is never sent away for those who say nothing."""

    def __init__(self) -> None:
        self._inside: dict[Stranger, str] = {}  # in order of coming

    def enter(self, stranger: Stranger, *, network: str, places: int) -> bool:
        """Let the stranger in where there is room, or room can be made; `places` is how many there are for all."""
        neighbours = [one for one, other in self._inside.items() if other == network]
        if len(neighbours) >= settings.LIVE_STRANGERS_PER_NETWORK and not self._send_one_away(neighbours):
            return False
        if len(self._inside) >= places and not self._send_one_away(self._inside):
            return False
        self._inside[stranger] = network
        return True

    def leave(self, stranger: Stranger) -> None:
        """The stranger is known now, or gone. Harmless the second time."""
        self._inside.pop(stranger, None)

    def _send_one_away(self, strangers: Iterable[Stranger]) -> bool:
        for stranger in strangers:
            if stranger.is_silent:
                self.leave(stranger)
                stranger.drop(Close.TRY_LATER)
                return True
        return False
