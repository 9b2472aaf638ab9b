"""The hub: one per process. It reads the feed, the stock and the sign-ins for all its clients at once.

Everything here runs on the event loop; the database is asked in one thread beside it. Several processes do not know of
each other: each reads for its own clients.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from channels.db import database_sync_to_async
from django.conf import settings

from apps.live.clients import Client
from apps.live.messages import Close, compose
from apps.live.nudges import Nudges
from apps.live.selectors import News, read_missed, read_news, stock_of_products
from apps.live.services.visitors import no_longer_welcome
from apps.live.stock_board import StockBoard
from core import clock

NOBODY_THERE_SECONDS = 2.0
STOCK_SECONDS = 1.0
PING_SECONDS = 25.0
AFTER_FAILURE_SECONDS = 1.0
VISITORS_PER_LOOK = 100
Turn = Callable[[], Awaitable[None]]
logger = logging.getLogger("shop.live")


class TooManyConnections(Exception):
    """The visitor has as many connections as one may have."""


class Hub:
    """Knows the clients and hands out the news."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.board = StockBoard()
        self._clients: dict[str, set[Client]] = {}
        self._known = asyncio.Event()
        self._awake = asyncio.Event()
        self._nudges = Nudges()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to read, once."""
        if not self._tasks:
            turns: tuple[tuple[Turn, Turn], ...] = (
                (self.follow_feed, self._rest_until_nudged),
                (self.follow_stock, lambda: asyncio.sleep(STOCK_SECONDS)),
                (self.look_at_visitors, lambda: asyncio.sleep(settings.LIVE_CHECK_SECONDS)),
                (self.ping, lambda: asyncio.sleep(PING_SECONDS)),
            )
            self._tasks = [asyncio.create_task(_forever(turn, rest)) for turn, rest in turns]
            self._tasks += self._nudges.start(self._awake.set)

    def stop(self) -> None:
        """Stop reading. The clients' lines end with the process; they come back and say what they have seen."""
        for task in self._tasks:
            task.cancel()

    @property
    def count(self) -> int:
        return sum(len(clients) for clients in self._clients.values())

    def clients(self) -> list[Client]:
        return [client for clients in self._clients.values() for client in clients]

    async def join(self, client: Client) -> None:
        """Count the client in: from now on it is told. Raises TooManyConnections."""
        await self._known.wait()
        mine = self._clients.setdefault(client.visitor.key, set())
        if len(mine) >= settings.LIVE_CONNECTIONS_PER_USER:
            raise TooManyConnections
        mine.add(client)
        client.since = self.position or 0
        self._awake.set()

    def leave(self, client: Client) -> None:
        """Forget the client. Harmless the second time."""
        mine = self._clients.get(client.visitor.key, set())
        mine.discard(client)
        if not mine:
            self._clients.pop(client.visitor.key, None)
        self.board.leave(client)

    async def tell_missed(self, client: Client, *, after: int, done: str) -> None:
        """Tell the client what it missed before it came, or that there is a gap; and then that it is `done`.

        Raises DatabaseError; the client is told nothing any more then.
        """
        client.hold()
        visitor = client.visitor
        missed = await database_sync_to_async(read_missed)(
            user_id=visitor.user_id, order_id=visitor.order_id, after=after, until=client.since
        )
        client.replay(missed, after=after, done=done)

    async def follow_feed(self) -> None:
        """Read what is new and hand it to those it concerns."""
        self._awake.clear()
        has_more = True
        while has_more:
            news: News = await database_sync_to_async(read_news)(after=self.position)
            has_more = news.has_more
            self._hand_out(news)

    async def follow_stock(self) -> None:
        """Look at the stock of what anybody watches."""
        product_ids = self.board.product_ids
        if product_ids:
            self.board.tell(await database_sync_to_async(stock_of_products)(product_ids))

    async def look_at_visitors(self) -> None:
        """Close the connections of those who are not let in any more."""
        visitors = list({client.visitor for client in self.clients()})
        for start in range(0, len(visitors), VISITORS_PER_LOOK):
            some = visitors[start : start + VISITORS_PER_LOOK]
            unwelcome = set(await database_sync_to_async(no_longer_welcome)(some, now=clock.now()))
            for client in self.clients():
                if client.visitor in unwelcome:
                    client.drop(Close.NOT_AUTHENTICATED)

    async def ping(self) -> None:
        """Keep the lines open, and let clients know up to where they have been told."""
        for client in self.clients():
            if not client.is_held:
                client.tell(compose("ping", last_id=self.position))

    def _hand_out(self, news: News) -> None:
        self.position = news.position
        self._known.set()
        if news.is_broken:
            logger.error("the feed goes back behind what was told", extra={"position": news.position})
            for client in self.clients():
                client.tell(compose("gap"))
        if news.events:
            self._nudges.tell()
        for event in news.events:
            keys = {event.user_id, f"order:{event.order_id}"}
            for client in [client for key in keys if key for client in self._clients.get(key, ())]:
                client.tell_event(event)

    async def _rest_until_nudged(self) -> None:
        pause = settings.LIVE_POLL_SECONDS if self._clients else NOBODY_THERE_SECONDS
        try:
            await asyncio.wait_for(self._awake.wait(), pause)
        except TimeoutError:
            return


async def _forever(turn: Turn, rest: Turn) -> None:
    """Take turns until cancelled. One that fails is told of and taken again: the database may be away."""
    while True:
        try:
            await turn()
        except Exception:
            logger.exception("a turn of the live updates failed", extra={"turn": getattr(turn, "__name__", "")})
            await asyncio.sleep(AFTER_FAILURE_SECONDS)
        await rest()
