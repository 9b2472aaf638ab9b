"""A receiver of webhooks on loopback, and a check of signatures that was written from the specification alone."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.services.endpoints import create_endpoint
from core import clock
from core.events.fanout import fan_out
from core.events.feed import last_position
from core.events.publishing import publish
from core.events.sinks import add_cursor, pump_all
from tests.core.event_kit import Happened


class Received(NamedTuple):
    """One request as it came; header names are in lower case."""

    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def number(self) -> int:
        return self.document["data"]["number"]


class Receiver:
    """Keeps what comes; answers with `status`, after `delay_seconds`. `decide` may choose a status by the request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status, self.delay_seconds, self.body = 200, 0.0, b""
        self.decide: Callable[[Received], int] | None = None
        self.in_flight, self.most_in_flight = 0, 0
        self._lock = threading.Lock()
        self._server = _CountingServer(("127.0.0.1", 0), _handler_for(self))
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, request: Received) -> int:
        with self._lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        time.sleep(self.delay_seconds)
        with self._lock:
            self.in_flight -= 1
            self.received.append(request)
        return self.decide(request) if self.decide else self.status

    @property
    def connections(self) -> int:
        """How many came so far, whether they said anything or not."""
        return self._server.connections

    @property
    def numbers(self) -> list[int]:
        return [request.number for request in self.received]


class _CountingServer(ThreadingHTTPServer):
    daemon_threads = True
    connections = 0

    def get_request(self) -> tuple[socket.socket, Any]:
        found = super().get_request()
        self.connections += 1
        return found


def _handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(Received(headers, body)))
            self.send_header("Content-Length", str(len(receiver.body)))
            self.send_header("Location", receiver.url)
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def signatures_that_fit(request: Received, secret: str) -> int:
    """Return how many of the request's signatures the secret's holder accepts."""
    prefix, _, encoded = secret.partition("_")
    assert prefix == "whsec"
    content = request.headers["webhook-id"] + "." + request.headers["webhook-timestamp"] + "." + request.body.decode()
    digest = hmac.digest(base64.b64decode(encoded, validate=True), content.encode(), hashlib.sha256)
    expected = "v1," + base64.b64encode(digest).decode()
    return sum(hmac.compare_digest(given, expected) for given in request.headers["webhook-signature"].split(" "))


def open_to(*receivers: Receiver) -> None:
    """Let webhooks go to the receivers' ports on loopback. For a test's own settings."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.WEBHOOK_ALLOWED_PORTS = [str(receiver.port) for receiver in receivers]


def endpoint_at(receiver: Receiver, **fields: Any) -> tuple[WebhookEndpoint, str]:
    """Return an endpoint at the receiver, and its secret. Events from now on are its own."""
    add_cursor("webhooks", position=last_position(), now=clock.now())
    return create_endpoint(url=receiver.url, **fields)


def happen(*numbers: int) -> None:
    """Publish one event for each number and let the sinks have them."""
    with transaction.atomic():
        publish(*(Happened(number=number) for number in numbers))
    feed()


def feed() -> None:
    """Give every event its place, and the sinks what is new."""
    while fan_out(now=clock.now()):
        pass
    while pump_all():
        pass
