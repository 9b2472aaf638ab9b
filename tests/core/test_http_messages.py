"""A message that is sent to an address: its status is the answer, and the guard stands before it."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from core.http_client import Answered, FetchFailed, check_address, send
from tests.core.listening import LOOPBACK, Listener, answer


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[[socket.socket], None]], Listener]]:
    opened: list[Listener] = []

    def start(serve: Callable[[socket.socket], None]) -> Listener:
        opened.append(Listener(serve))
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def send_here(listener: Listener, *, seconds: float = 5.0) -> Answered:
    return send(
        f"http://127.0.0.1:{listener.port}/hook?a=1",
        body=b'{"a":1}',
        headers={"Content-Type": "application/json", "webhook-id": "x"},
        max_bytes=10,
        timeout_seconds=seconds,
        allowed_networks=LOOPBACK,
        allowed_ports={listener.port},
    )


def test_the_body_and_the_headers_arrive(listen) -> None:
    listener = listen(answer(b"Content-Length: 2", b"ok"))

    assert send_here(listener) == Answered(status=200, beginning=b"")

    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=1 HTTP/1.1\r\n")
    assert b"webhook-id: x" in head
    assert body == b'{"a":1}'


@pytest.mark.parametrize("status", [b"302 Found", b"410 Gone", b"500 Oh"])
def test_a_refusal_is_an_answer_with_the_beginning_of_its_body(status: bytes, listen) -> None:
    listener = listen(answer(b"Location: http://127.0.0.1:1/", b"Content-Length: 12", b"0123456789ab", status=status))

    assert send_here(listener) == Answered(status=int(status[:3]), beginning=b"0123456789")
    assert listener.connections == 1


def test_a_body_that_does_not_end_takes_the_time_and_not_the_answer(listen) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\nab")
        connection.recv(1)  # until the client has enough

    began = time.monotonic()

    assert send_here(listen(drip), seconds=0.5) == Answered(status=500, beginning=b"ab")
    assert time.monotonic() - began < 2


def test_no_answer_in_time_is_a_failure_that_may_have_arrived(listen) -> None:
    with pytest.raises(FetchFailed) as caught:
        send_here(listen(lambda connection: connection.recv(1) and None), seconds=0.5)

    assert (caught.value.reason, caught.value.may_have_arrived) == ("the host took too long", True)


def test_an_address_is_checked_without_a_connection(listen) -> None:
    listener = listen(answer(b"Content-Length: 0", b""))
    url = f"http://127.0.0.1:{listener.port}/"

    check_address(url, allowed_networks=LOOPBACK, allowed_ports={listener.port})
    with pytest.raises(FetchFailed, match="not on the public internet"):
        check_address(url, allowed_ports={listener.port})
    with pytest.raises(FetchFailed, match="not fetched from"):
        check_address(url, allowed_networks=LOOPBACK)

    assert listener.connections == 0
