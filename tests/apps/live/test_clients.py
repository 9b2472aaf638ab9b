"""The queue towards one client, and the board of watched stock."""

import json
from typing import Any

from apps.live.clients import QUEUED_MAX, Client
from apps.live.messages import Close
from apps.live.services.visitors import Visitor
from apps.live.shapes import LiveEvent
from apps.live.stock_board import WATCHED_MAX, StockBoard
from core.ids import new_id


class Line:
    """A client with somebody who notes what becomes of it."""

    def __init__(self, *, since: int = 0) -> None:
        self.closed: list[Close] = []
        self.client = Client(visitor=Visitor(user_id="u1"), drop=self.closed.append)
        self.client.since = since

    def told(self) -> list[Any]:
        """Return what was queued: an event by its id, anything else in full."""
        found = []
        while not self.client.outgoing.empty():
            message = json.loads(self.client.outgoing.get_nowait())
            found.append(message["id"] if message["type"] == "event" else message)
        return found


def event(position: int) -> LiveEvent:
    text = json.dumps({"type": "event", "id": position})
    return LiveEvent(position=position, user_id="u1", order_id=None, text=text)


def test_what_was_missed_comes_first_and_nothing_twice() -> None:
    line = Line(since=10)
    line.client.hold()
    line.client.tell_event(event(11))
    line.client.replay([event(8), event(9)], after=7, done="ready")
    line.client.tell_event(event(12))
    assert line.told() == [8, 9, {"type": "ready", "last_id": 10}, 11, 12]


def test_who_knows_more_than_this_process_is_not_told_it_again() -> None:
    line = Line(since=10)
    line.client.hold()
    line.client.replay([], after=12, done="ready")
    for position in (11, 12, 13):
        line.client.tell_event(event(position))
    assert line.told() == [{"type": "ready", "last_id": 12}, 13]


def test_a_gap_is_said_and_what_is_new_follows() -> None:
    line = Line(since=10)
    line.client.hold()
    line.client.replay(None, after=3, done="ready")
    line.client.tell_event(event(11))
    assert line.told() == [{"type": "gap"}, {"type": "ready", "last_id": 10}, 11]


def test_who_takes_nothing_is_closed_when_the_queue_is_full() -> None:
    line = Line()
    for position in range(1, QUEUED_MAX + 1):
        line.client.tell_event(event(position))
    assert line.closed == []
    line.client.tell_event(event(QUEUED_MAX + 1))
    assert line.closed == [Close.TOO_SLOW]


def test_what_waits_for_a_replay_is_bounded_too() -> None:
    line = Line()
    line.client.hold()
    for position in range(1, QUEUED_MAX + 2):
        line.client.tell_event(event(position))
    assert line.closed == [Close.TOO_SLOW]


def test_watchers_are_told_what_is_different_and_nothing_else() -> None:
    line, board, product, variant = Line(), StockBoard(), new_id(), new_id()
    board.watch(line.client, frozenset({product}))
    expected = {"type": "stock", "product_id": str(product), "variant_id": str(variant)}
    board.tell({product: {variant: 3}, new_id(): {new_id(): 5}})
    assert line.told() == [{**expected, "in_stock": True, "available": 3}]
    board.tell({product: {variant: 3}})
    assert line.told() == []
    board.tell({product: {}})  # withdrawn
    assert line.told() == [{**expected, "in_stock": False, "available": 0}]
    board.leave(line.client)
    board.tell({product: {variant: 9}})
    assert (line.told(), board.product_ids) == ([], [])


def test_stock_waits_while_a_client_is_behind_and_then_is_the_latest() -> None:
    line, board, product, variant = Line(), StockBoard(), new_id(), new_id()
    board.watch(line.client, frozenset({product}))
    while line.client.has_room:
        line.client.tell('{"type": "ping"}')
    board.tell({product: {variant: 3}})
    assert all(message == {"type": "ping"} for message in line.told())
    board.tell({product: {variant: 2}})
    assert [message["available"] for message in line.told()] == [2]


def test_a_full_board_takes_no_more_products_and_keeps_what_is_watched() -> None:
    line, other, board = Line(), Line(), StockBoard()
    assert board.watch(line.client, frozenset(new_id() for _ in range(WATCHED_MAX)))
    assert not board.watch(other.client, frozenset({new_id()}))
    assert len(board.product_ids) == WATCHED_MAX
