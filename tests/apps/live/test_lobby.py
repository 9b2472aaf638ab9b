"""The lobby: few strangers of one network, and none of them in the place of somebody known."""

import pytest
from django.conf import LazySettings

from apps.live.lobby import Lobby
from apps.live.messages import Close


class Somebody:
    """A connection that notes why it was ended."""

    def __init__(self, *, is_silent: bool = True) -> None:
        self.is_silent = is_silent
        self.dropped: list[Close] = []

    def drop(self, code: Close) -> None:
        self.dropped.append(code)


@pytest.fixture(autouse=True)
def _two_of_a_network(settings: LazySettings) -> None:
    settings.LIVE_STRANGERS_PER_NETWORK = 2


def fill(lobby: Lobby, *strangers: Somebody, network: str = "home", places: int = 9) -> list[bool]:
    return [lobby.enter(stranger, network=network, places=places) for stranger in strangers]


def test_the_one_that_has_been_silent_for_longest_makes_room() -> None:
    lobby, crowd = Lobby(), [Somebody() for _ in range(4)]
    assert fill(lobby, *crowd) == [True] * 4
    assert [one.dropped for one in crowd] == [[Close.TRY_LATER], [Close.TRY_LATER], [], []]


def test_a_network_that_is_full_troubles_no_other() -> None:
    lobby, crowd, elsewhere = Lobby(), [Somebody() for _ in range(2)], Somebody()
    fill(lobby, *crowd)
    assert fill(lobby, elsewhere, network="elsewhere") == [True]
    assert [one.dropped for one in (*crowd, elsewhere)] == [[], [], []]


def test_who_is_being_looked_at_is_never_sent_away_for_somebody_new() -> None:
    lobby, speaking, silent, late = Lobby(), Somebody(is_silent=False), Somebody(), Somebody(is_silent=False)
    fill(lobby, speaking, silent)
    assert fill(lobby, late) == [True]
    assert [one.dropped for one in (speaking, silent, late)] == [[], [Close.TRY_LATER], []]
    assert fill(lobby, Somebody()) == [False]
    assert [one.dropped for one in (speaking, late)] == [[], []]


def test_all_strangers_together_have_the_places_that_are_left() -> None:
    lobby, first, second = Lobby(), Somebody(), Somebody()
    assert fill(lobby, first, network="first", places=1) == [True]
    assert fill(lobby, second, network="second", places=1) == [True]
    assert (first.dropped, second.dropped) == ([Close.TRY_LATER], [])
    assert fill(Lobby(), Somebody(), places=0) == [False]


def test_who_has_left_takes_no_room() -> None:
    lobby, crowd = Lobby(), [Somebody() for _ in range(3)]
    fill(lobby, *crowd[:2])
    lobby.leave(crowd[0])
    lobby.leave(crowd[0])
    assert fill(lobby, crowd[2]) == [True]
    assert [one.dropped for one in crowd] == [[], [], []]
