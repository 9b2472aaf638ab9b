"""One connection: what the client says, what it is sent, how it ends."""

import asyncio
import logging
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from apps.accounts.errors import InvalidToken
from apps.live.clients import Client
from apps.live.hub import Hub, TooManyConnections
from apps.live.limits import Allowance
from apps.live.lobby import Lobby
from apps.live.messages import (
    MESSAGE_MAX_BYTES,
    SUBPROTOCOL,
    Authenticate,
    BadMessage,
    Close,
    Resume,
    Watch,
    compose,
    parse,
    token_of_subprotocols,
)
from apps.live.services.visitors import welcome
from core import clock

LONGEST_SEND_SECONDS = 10.0
FAREWELL_SECONDS = 2.0
hub = Hub()
lobby = Lobby()
logger = logging.getLogger("shop.live")


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Speaks the protocol of docs/live.md."""

    client: Client | None
    is_silent: bool
    code: Close | None
    myself: asyncio.Task[Any] | None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Live as long as the connection, or until `drop` ends it."""
        self._begin()
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if self.code is None:
                raise
            self._leave()
            await self._say_farewell(self.code)
        finally:
            self.myself = None
            self._leave()
            self._note_end()

    def _begin(self) -> None:
        self.client = None
        self.is_silent = True
        self.code = None
        self.tasks: list[asyncio.Task[None]] = []
        self.has_resumed = False
        self.allowance = Allowance()
        self.started = time.monotonic()
        self.myself = asyncio.current_task()

    async def connect(self) -> None:
        """Let the client in; it has ten seconds to say who it is, or has said so by subprotocol."""
        hub.start()
        token = token_of_subprotocols(self.scope["subprotocols"])
        self.is_silent = not token
        is_in = lobby.enter(self, network=self.scope["network"], places=settings.LIVE_CONNECTIONS_MAX - hub.count)
        await self.accept(SUBPROTOCOL if token else None)
        if not is_in:
            self.drop(Close.TRY_LATER)
            return
        self.tasks.append(asyncio.create_task(self._end_strangers()))
        if token:
            await self._guarded(self._authenticate(Authenticate(token=token)))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer a message, or end the connection for it."""
        self.is_silent = False
        if text_data is None:
            self.drop(Close.NOT_TEXT)
        elif len(text_data) > MESSAGE_MAX_BYTES or len(text_data.encode(errors="replace")) > MESSAGE_MAX_BYTES:
            self.drop(Close.TOO_LARGE)
        elif not self.allowance.take():
            self.drop(Close.TOO_MANY)
        else:
            await self._guarded(self._answer(text_data))

    async def disconnect(self, code: int) -> None:
        """Do nothing: `__call__` tidies up, however a connection ends."""

    def drop(self, code: Close) -> None:
        """End the connection with that code. Whatever it is at is given up, for who is too slow would not let it end.

        The server takes no close while it waits for what the client says; therefore the whole task is cancelled.
        """
        if self.code is None and self.myself is not None:
            self.code = code
            self.myself.cancel()

    async def _answer(self, text: str) -> None:
        message = parse(text)
        if isinstance(message, Authenticate):
            await self._authenticate(message)
        elif self.client is None:
            self.drop(Close.NOT_AUTHENTICATED)
        elif isinstance(message, Resume):
            await self._resume(self.client, message)
        elif isinstance(message, Watch) and not hub.board.watch(self.client, message.product_ids):
            self.client.tell(compose("error", code="too_many_watched"))

    async def _authenticate(self, message: Authenticate) -> None:
        visitor = await database_sync_to_async(welcome)(
            token=message.token, order_token=message.order_token, now=clock.now()
        )
        if self.client is not None:
            if visitor.key != self.client.visitor.key:
                raise InvalidToken
            self.client.visitor = visitor
            self.client.tell(compose("ready", last_id=hub.position))
            return
        client = Client(visitor=visitor, drop=self.drop)
        await hub.join(client)
        self.client = client
        lobby.leave(self)
        self.tasks.append(asyncio.create_task(self._send_all(client)))
        if message.last_id is None:
            client.tell(compose("ready", last_id=client.since))
        else:
            self.has_resumed = True
            await hub.tell_missed(client, after=message.last_id, done="ready")

    async def _resume(self, client: Client, message: Resume) -> None:
        if self.has_resumed:
            raise BadMessage("a connection resumes once")
        self.has_resumed = True
        await hub.tell_missed(client, after=message.last_id, done="resumed")

    async def _guarded(self, step: Any) -> None:
        """Take the step; what goes wrong ends the connection with the code that says it."""
        try:
            await step
        except InvalidToken:
            self.drop(Close.NOT_AUTHENTICATED)
        except TooManyConnections:
            self.drop(Close.TOO_MANY)
        except BadMessage:
            self.drop(Close.BAD_MESSAGE)
        except (DatabaseError, InterfaceError):
            logger.exception("the database failed a live connection")
            self.drop(Close.TRY_LATER)

    async def _end_strangers(self) -> None:
        """Who has said something by then, and is still a stranger, waits for the database."""
        await asyncio.sleep(settings.LIVE_AUTHENTICATION_SECONDS)
        if self.client is None:
            self.drop(Close.NOT_AUTHENTICATED if self.is_silent else Close.TRY_LATER)

    async def _send_all(self, client: Client) -> None:
        """Send what is queued, in order. Who does not take it in time is too slow."""
        while True:
            text = await client.outgoing.get()
            try:
                async with asyncio.timeout(LONGEST_SEND_SECONDS):
                    await self.send(text_data=text)
            except TimeoutError:
                self.drop(Close.TOO_SLOW)
                return

    async def _say_farewell(self, code: Close) -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self.close(int(code))
        except TimeoutError:
            return  # it takes nothing any more, not even this

    def _leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        lobby.leave(self)
        if self.client is not None:
            hub.leave(self.client)

    def _note_end(self) -> None:
        who = self.client.visitor.key if self.client is not None else ""
        extra = {"visitor": who, "code": self.code, "seconds": round(time.monotonic() - self.started, 1)}
        logger.info("a live connection has ended", extra=extra)
