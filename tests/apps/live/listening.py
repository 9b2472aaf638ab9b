"""A client of the live updates that notes what it is told."""

import contextlib
import json
import socket
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

WAIT_SECONDS = 20.0


class Listener:
    """One connection. `messages` is all it was told, in order; `last_id` what a client of ours would keep."""

    def __init__(self, port: int, *, token: str = "", query: str = "", **options: Any) -> None:
        if token:
            options["subprotocols"] = ["bearer", token]
        address = f"ws://127.0.0.1:{port}/ws/notifications/{query}"
        self._open = contextlib.ExitStack()
        self.line: ClientConnection = self._open.enter_context(connect(address, **options))
        self.messages: list[dict[str, Any]] = []
        self.last_id = 0

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def say(self, **message: Any) -> None:
        self.line.send(json.dumps(message))

    def enter(self, **proof: Any) -> dict[str, Any]:
        """Say who one is; return the answer that one is known."""
        self.say(type="authenticate", **proof)
        return self.until("ready")

    def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Take messages until one is of that kind and has these fields; return it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            message = json.loads(self.line.recv(timeout=max(0.0, deadline - time.monotonic())))
            self.messages.append(message)
            self.last_id = message.get("id", message.get("last_id", self.last_id))
            if message["type"] == kind and fields.items() <= message.items():
                return message  # type: ignore[no-any-return]

    def until_closed(self) -> int:
        """Take messages until the other side ends it; return its code."""
        try:
            while True:
                self.messages.append(json.loads(self.line.recv(timeout=WAIT_SECONDS)))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def until_sent_away(self, **message: Any) -> int:
        """Say it ten times a second until the other side ends it; return its code.

        Never two at a time: a server that closes while something lies unread breaks the line instead, and with it is
        lost what it said last.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            self.say(**message)
            try:
                self.messages.append(json.loads(self.line.recv(timeout=0.1)))
            except TimeoutError:
                continue
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006
        raise AssertionError(f"still welcome after {WAIT_SECONDS:.0f} s")

    def cut(self) -> None:
        """End the TCP connection without a goodbye."""
        self.line.socket.shutdown(socket.SHUT_RDWR)

    def told(self, prefix: str = "orders.") -> list[str]:
        """Return the names of the events told so far that begin so."""
        return [message["name"] for message in self.events() if message["name"].startswith(prefix)]

    def events(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == "event"]
