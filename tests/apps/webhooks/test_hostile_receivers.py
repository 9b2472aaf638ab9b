"""Receivers that are up to no good: they lead elsewhere, answer without end, or ever so slowly (promise 34)."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from apps.webhooks.models import WebhookAttempt
from apps.webhooks.services.endpoints import create_endpoint
from apps.webhooks.services.serving import dispatch_due
from core import clock
from core.events.feed import last_position
from core.events.sinks import add_cursor
from core.http_client import MAX_SECONDS
from tests.apps.webhooks.receiving import happen
from tests.core.listening import LOOPBACK, Listener

pytestmark = pytest.mark.django_db
Listen = Callable[[Callable[[socket.socket], None]], Listener]
FIVE_GB = 5 * 1024**3
LONGEST_SECONDS = 5.0
TIMEOUT_SECONDS = 1.0  # shorter than it is in the shop, so that a busy machine has four seconds for the rest


@pytest.fixture
def listen(settings: LazySettings) -> Iterator[Listen]:
    """Start listeners that webhooks may be sent to."""
    settings.WEBHOOK_REQUIRE_HTTPS = False
    settings.WEBHOOK_ALLOWED_NETWORKS, settings.WEBHOOK_ALLOWED_PORTS = list(LOOPBACK), []
    opened: list[Listener] = []

    def start(serve: Callable[[socket.socket], None]) -> Listener:
        opened.append(Listener(serve))
        settings.WEBHOOK_ALLOWED_PORTS.append(str(opened[-1].port))
        return opened[-1]

    assert settings.WEBHOOK_TIMEOUT_SECONDS == MAX_SECONDS == LONGEST_SECONDS
    settings.WEBHOOK_TIMEOUT_SECONDS = TIMEOUT_SECONDS
    yield start
    for listener in opened:
        listener.close()


def send_one_to(listener: Listener) -> WebhookAttempt:
    """Send a webhook; return how that went. Fails if it took longer than anything may."""
    add_cursor("webhooks", position=last_position(), now=clock.now())
    create_endpoint(url=f"http://127.0.0.1:{listener.port}/hook")
    happen(1)
    began = time.monotonic()
    assert dispatch_due() == 1
    assert time.monotonic() - began <= LONGEST_SECONDS
    assert listener.connections == 1
    return WebhookAttempt.objects.get()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_not_followed(status: int, listen: Listen) -> None:
    canary = listen(lambda connection: None)

    def redirect(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: http://127.0.0.1:{canary.port}/\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    attempt = send_one_to(listen(redirect))

    assert (attempt.status, attempt.error) == (status, f"the receiver answered {status}")
    with socket.create_connection(("127.0.0.1", canary.port), timeout=30) as line:
        line.sendall(b"\r\n\r\n")
        assert line.recv(1) == b""  # the canary has taken our connection, and with it all before
    assert canary.connections == 1


@pytest.mark.parametrize("status", [200, 500])
def test_of_five_gigabytes_hardly_anything_is_read(status: int, listen: Listen) -> None:
    written, is_over = [0], threading.Event()

    def answer_at_length(connection: socket.socket) -> None:
        chunk = b"x" * 65536
        try:
            connection.sendall(f"HTTP/1.1 {status} So\r\nContent-Length: {FIVE_GB}\r\n\r\n".encode())
            while written[0] < FIVE_GB:
                connection.sendall(chunk)
                written[0] += len(chunk)
        finally:
            is_over.set()

    attempt = send_one_to(listen(answer_at_length))

    assert attempt.status == status
    assert attempt.answer in {"", "x" * 200}
    assert is_over.wait(30)
    assert written[0] < 64 * 1024**2  # what fits into the sockets of both sides


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n"])
def test_a_receiver_that_drips_is_given_up_in_time(head: bytes, listen: Listen) -> None:
    is_over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while not is_over.is_set():
            connection.sendall(b"x")
            is_over.wait(0.05)

    attempt = send_one_to(listen(drip))
    is_over.set()

    assert (attempt.status, attempt.error) in [(None, "the host took too long"), (500, "the receiver answered 500")]
    assert (attempt.status == 500) == head.endswith(b"\r\n\r\n")


def test_a_receiver_that_says_nothing_is_given_up_in_time(listen: Listen) -> None:
    is_over = threading.Event()
    attempt = send_one_to(listen(lambda connection: is_over.wait(60) and None))
    is_over.set()
    assert (attempt.status, attempt.error) == (None, "the host took too long")
