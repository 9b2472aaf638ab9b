"""The guarded client reaches public addresses only, within its limits, and nothing else however it is asked."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import httpcore
import pytest

from core import http_guard
from core.http_client import FetchFailed, fetch
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


def fetch_here(listener: Listener, *, path: str = "/a.png", max_bytes: int = 1000, seconds: float = 5.0) -> object:
    return fetch(
        f"http://127.0.0.1:{listener.port}{path}",
        max_bytes=max_bytes,
        timeout_seconds=seconds,
        allowed_networks=LOOPBACK,
        allowed_ports={listener.port},
    )


def test_a_public_body_and_its_type_are_returned(listen):
    listener = listen(answer(b"Content-Type: Image/PNG; charset=x", b"Content-Length: 5", b"hello"))

    fetched = fetch_here(listener)

    assert (fetched.body, fetched.content_type) == (b"hello", "image/png")
    assert b"Accept-Encoding: identity" in listener.requests[0]


HOSTILE = [
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127.255.255.254:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fd00:ec2::254]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://172.31.255.255:{port}/",
    "http://192.168.1.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://169.254.169.254:{port}/latest/meta-data/",
    "http://192.0.0.192:{port}/",
    "http://192.0.2.1:{port}/",
    "http://198.18.0.1:{port}/",
    "http://198.51.100.1:{port}/",
    "http://203.0.113.1:{port}/",
    "http://224.0.0.1:{port}/",
    "http://240.0.0.1:{port}/",
    "http://255.255.255.255:{port}/",
    "http://１２７.０.０.１:{port}/",
    "http://127。0。0。1:{port}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://user:pass@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/",
    "http://8.8.8.8@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@8.8.8.8/",
    "http://8.8.8.8\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    "http://127.0.0.1:{port}/%0d\n",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1\x00.example.com:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "ftp://127.0.0.1:{port}/",
    "dict://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/",
    "unix:///var/run/docker.sock",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "http://",
    "https://:{port}/",
    "http://[::1",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/",
    "http://" + "a" * 300 + ":{port}/",
    "",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_without_a_connection(url, listen):
    canary = listen(answer(b"Content-Length: 2", b"ok"))
    started = time.monotonic()

    with pytest.raises(FetchFailed):
        fetch(url.replace("{port}", str(canary.port)), max_bytes=10, allowed_ports={canary.port})

    assert canary.connections == 0
    assert time.monotonic() - started < 5.2


@pytest.mark.parametrize("port", [0, 1, 22, 25, 6379, 5432, 8080, 65535])
def test_other_ports_than_80_and_443_are_refused(port):
    with pytest.raises(FetchFailed, match=f"port {port} is not fetched from"):
        fetch(f"http://8.8.8.8:{port}/", max_bytes=10)


def test_a_name_is_resolved_once_and_the_checked_address_is_used(monkeypatch):
    answers = iter(["93.184.215.14", "127.0.0.1"])
    connected: list[str] = []

    def lookup(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def refuse(self: object, host: str, port: int, **_: object) -> httpcore.NetworkStream:
        connected.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(http_guard.socket, "getaddrinfo", lookup)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", refuse)

    with pytest.raises(FetchFailed, match="the connection failed"):
        fetch("http://rebinding.example/", max_bytes=10)

    assert connected == ["93.184.215.14"]


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    def lookup(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.215.14", "10.0.0.7")]

    monkeypatch.setattr(http_guard.socket, "getaddrinfo", lookup)

    with pytest.raises(FetchFailed, match="not on the public internet") as caught:
        fetch("http://mixed.example/", max_bytes=10)

    assert caught.value.permanent is True


def _resolve_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = socket.getaddrinfo

    def lookup(host: str, *args: object, **options: object) -> object:
        return genuine("127.0.0.1" if host == "shop.example" else host, *args, **options)

    monkeypatch.setattr(http_guard.socket, "getaddrinfo", lookup)


def test_the_host_header_names_the_host_and_not_the_address(listen, monkeypatch):
    _resolve_to_loopback(monkeypatch)
    listener = listen(answer(b"Content-Length: 2", b"ok"))

    fetch(
        f"http://shop.example:{listener.port}/x",
        max_bytes=10,
        allowed_networks=LOOPBACK,
        allowed_ports={listener.port},
    )

    assert f"Host: shop.example:{listener.port}".encode() in listener.requests[0]


def test_tls_asks_for_the_host_by_name(monkeypatch):
    """The certificate is not ours, so the handshake fails; but the server was asked for the right name."""
    _resolve_to_loopback(monkeypatch)
    server = socket.create_server(("127.0.0.1", 0))
    port, asked = server.getsockname()[1], []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)

    def handshake() -> None:
        connection, _ = server.accept()
        with contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True)

    thread = threading.Thread(target=handshake, daemon=True)
    thread.start()
    with pytest.raises(FetchFailed), server:
        fetch(f"https://shop.example:{port}/", max_bytes=10, allowed_networks=LOOPBACK, allowed_ports={port})
    thread.join(timeout=5)

    assert asked == ["shop.example"]


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See Other", b"307 Temp", b"308 Perm"])
def test_a_redirect_is_not_followed(status, listen):
    canary = listen(answer(b"Content-Length: 2", b"ok"))
    location = f"Location: http://127.0.0.1:{canary.port}/".encode()
    listener = listen(answer(location, b"Content-Length: 0", b"", status=status))

    with pytest.raises(FetchFailed, match="redirects are not followed"):
        fetch_here(listener)

    assert canary.connections == 0


@pytest.mark.parametrize(("status", "permanent"), [(b"404 No", True), (b"429 Slow", False), (b"500 Oops", False)])
def test_other_answers_than_200_say_whether_trying_again_may_help(status, permanent, listen):
    listener = listen(answer(b"Content-Length: 2", b"ok", status=status))

    with pytest.raises(FetchFailed) as caught:
        fetch_here(listener)

    assert caught.value.permanent is permanent


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(listen):
    listener = listen(answer(b"Connection: close", b"x" * 1000))

    assert len(fetch_here(listener, max_bytes=1000).body) == 1000
    with pytest.raises(FetchFailed, match="more than 999 bytes"):
        fetch_here(listener, max_bytes=999)


def test_a_huge_announced_body_is_refused_before_it_is_read(listen):
    listener = listen(answer(b"Content-Length: 5368709120", b"x"))
    started = time.monotonic()

    with pytest.raises(FetchFailed, match="more than 1000 bytes"):
        fetch_here(listener)

    assert time.monotonic() - started < 1


def test_an_endless_body_is_cut_at_the_limit(listen):
    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with pytest.raises(FetchFailed, match="more than 5000 bytes"):
        fetch_here(listen(pour), max_bytes=5000)


def test_a_compressed_body_is_refused_because_it_may_swell(listen):
    listener = listen(answer(b"Content-Encoding: gzip", b"Content-Length: 2", b"ok"))

    with pytest.raises(FetchFailed, match="compressed"):
        fetch_here(listener)


def drip(head: bytes, *, every_seconds: float) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(every_seconds)

    return serve


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"], ids=["headers", "body"]
)
def test_dripping_byte_by_byte_does_not_outlive_the_deadline(head, listen):
    listener = listen(drip(head, every_seconds=0.05))
    started = time.monotonic()

    with pytest.raises(FetchFailed, match="took too long") as caught:
        fetch_here(listener, seconds=0.5)

    assert 0.4 < time.monotonic() - started < 1.5
    assert caught.value.permanent is False


def test_silence_ends_at_the_deadline(listen):
    listener = listen(lambda connection: time.sleep(3))
    started = time.monotonic()

    with pytest.raises(FetchFailed, match="took too long"):
        fetch_here(listener, seconds=0.3)

    assert time.monotonic() - started < 1


def test_a_slow_name_server_ends_at_the_deadline(monkeypatch):
    monkeypatch.setattr(http_guard.socket, "getaddrinfo", lambda *_, **__: time.sleep(3) or [])
    started = time.monotonic()

    with pytest.raises(FetchFailed, match="took too long"):
        fetch("http://slow.example/", max_bytes=10, timeout_seconds=0.3)

    assert time.monotonic() - started < 1


def test_nobody_waits_longer_than_five_seconds_whatever_they_ask_for():
    assert http_guard.Deadline(5.0).remaining() <= 5.0
    with pytest.raises(httpcore.ReadTimeout):
        http_guard.Deadline(0).remaining()


def test_proxies_from_the_environment_are_not_used(listen, monkeypatch):
    proxy = listen(answer(b"Content-Length: 2", b"no"))
    listener = listen(answer(b"Content-Length: 2", b"ok"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    assert fetch_here(listener).body == b"ok"
    assert proxy.connections == 0
