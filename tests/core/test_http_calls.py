"""Calls to a provider's API are guarded like fetches, say whether they may have arrived, and leave no word behind."""

import io
import logging
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.http_client import Fetched, FetchFailed, call, port_of
from tests.core.listening import LOOPBACK, Listener, answer
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-7f3a91"
FIELDS = {"store_passwd": f"{CANARY}@x y", "name": "ঢাকা & ü=1"}
ENCODED = b"store_passwd=canary-7f3a91%40x+y&name=%E0%A6%A2%E0%A6%BE%E0%A6%95%E0%A6%BE+%26+%C3%BC%3D1"
OK = answer(b"Content-Type: application/json", b"Content-Length: 2", b"{}")


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[[socket.socket], None]], Listener]]:
    opened: list[Listener] = []

    def start(serve: Callable[[socket.socket], None]) -> Listener:
        opened.append(Listener(serve))
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def call_here(listener: Listener, method: str = "POST", *, max_bytes: int = 1000, seconds: float = 5.0) -> Fetched:
    fields = {"form": FIELDS} if method == "POST" else {"query": FIELDS}
    return call(
        method,
        f"http://127.0.0.1:{listener.port}/api.php",
        **fields,
        max_bytes=max_bytes,
        timeout_seconds=seconds,
        allowed_networks=LOOPBACK,
        allowed_ports={listener.port},
    )


def refusal_of(listener: Listener, method: str = "POST", **options: float) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        call_here(listener, method, **options)
    return caught.value


def test_a_form_is_posted_and_the_answer_returned(listen):
    listener = listen(OK)

    answered = call_here(listener)

    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    assert (answered.body, answered.content_type) == (b"{}", "application/json")
    assert head.startswith(b"POST /api.php HTTP/1.1\r\n")
    assert b"Content-Type: application/x-www-form-urlencoded" in head
    assert b"Accept-Encoding: identity" in head
    assert f"Content-Length: {len(ENCODED)}".encode() in head
    assert body == ENCODED


def test_a_query_is_sent_in_the_address_and_without_a_body(listen):
    listener = listen(OK)

    call_here(listener, "GET")

    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"GET /api.php?" + ENCODED + b" HTTP/1.1\r\n")
    assert body == b""


def test_half_a_character_is_replaced_and_does_not_break_the_call(listen):
    listener = listen(OK)

    for fields in ({"form": {"a": "\ud800"}}, {"query": {"a": "\ud800"}}):
        call(
            "POST",
            f"http://127.0.0.1:{listener.port}/",
            **fields,
            max_bytes=10,
            timeout_seconds=5,
            allowed_networks=LOOPBACK,
            allowed_ports={listener.port},
        )

    assert listener.requests[0].endswith(b"\r\n\r\na=%3F")
    assert listener.requests[1].startswith(b"POST /?a=%3F HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://10.0.0.1:{port}/",
     "http://169.254.169.254:{port}/", "http://user:pass@127.0.0.1:{port}/", "file:///etc/passwd", ""],
)  # fmt: skip
def test_an_address_inside_is_refused_without_a_connection_unless_it_is_allowed(url, listen):
    listener = listen(OK)

    with pytest.raises(FetchFailed) as caught:
        call(
            "POST",
            url.replace("{port}", str(listener.port)),
            form=FIELDS,
            max_bytes=10,
            timeout_seconds=5,
            allowed_ports={listener.port},
        )

    assert caught.value.may_have_arrived is False
    assert listener.connections == 0


def test_a_port_that_was_not_allowed_is_refused(listen):
    listener = listen(OK)

    with pytest.raises(FetchFailed, match="is not fetched from"):
        call(
            "GET",
            f"http://127.0.0.1:{listener.port}/",
            max_bytes=10,
            timeout_seconds=5,
            allowed_networks=LOOPBACK,
        )

    assert listener.connections == 0


@pytest.mark.parametrize("status", [b"301 Moved", b"307 Temp", b"308 Perm"])
def test_a_redirect_is_not_followed_with_the_form(status, listen):
    canary = listen(OK)
    location = f"Location: http://127.0.0.1:{canary.port}/".encode()

    refused = refusal_of(listen(answer(location, b"Content-Length: 0", b"", status=status)))

    assert "redirects are not followed" in refused.reason
    assert canary.connections == 0


def test_an_answer_beyond_the_cap_is_refused(listen):
    listener = listen(answer(b"Connection: close", b"x" * 1000))

    assert len(call_here(listener, max_bytes=1000).body) == 1000
    assert refusal_of(listener, max_bytes=999).reason == "the body has more than 999 bytes"


def test_a_call_ends_at_its_deadline_however_slowly_the_host_speaks(listen):
    def serve(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)

    started = time.monotonic()
    refused = refusal_of(listen(serve), seconds=0.4)

    assert 0.3 < time.monotonic() - started < 1.5
    assert (refused.permanent, refused.may_have_arrived) == (False, True)


def test_a_call_that_never_connected_cannot_have_arrived():
    port = free_port()

    with pytest.raises(FetchFailed) as caught:
        call(
            "POST",
            f"http://127.0.0.1:{port}/",
            form=FIELDS,
            max_bytes=10,
            timeout_seconds=5,
            allowed_networks=LOOPBACK,
            allowed_ports={port},
        )

    refused = caught.value
    assert (refused.reason, refused.permanent, refused.may_have_arrived) == ("the connection failed", False, False)


def test_a_tls_greeting_that_is_not_answered_cannot_have_brought_the_form(listen):
    listener = listen(lambda connection: None)

    with pytest.raises(FetchFailed) as caught:
        call(
            "POST",
            f"https://127.0.0.1:{listener.port}/",
            form=FIELDS,
            max_bytes=10,
            timeout_seconds=2,
            allowed_networks=LOOPBACK,
            allowed_ports={listener.port},
        )

    assert caught.value.may_have_arrived is False
    assert CANARY.encode() not in b"".join(listener.requests)


@pytest.mark.parametrize(
    "serve",
    [
        lambda connection: None,
        answer(b"Content-Length: 9", b"half"),
        answer(b"Content-Length: 0", b"", status=b"500 X"),
    ],
    ids=["cut", "half an answer", "an error"],
)
def test_whatever_happens_after_sending_may_have_arrived(serve, listen):
    assert refusal_of(listen(serve)).may_have_arrived is True


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "serve",
    [lambda connection: None, answer(b"bad header", b""), answer(b"Content-Length: 0", b"", status=b"500 X"),
     lambda connection: time.sleep(1)],
    ids=["cut", "malformed", "an error", "silence"],
)  # fmt: skip
def test_no_error_and_nothing_behind_it_repeats_what_was_asked(method, serve, listen):
    listener = listen(serve)

    refused = refusal_of(listener, method, seconds=0.3)

    text = "".join(traceback.format_exception(refused))
    assert (refused.__cause__, refused.__context__) == (None, None)
    assert CANARY not in text
    assert "api.php" not in text
    assert str(listener.port) not in text


def test_an_address_that_cannot_be_parsed_is_not_repeated():
    for url in (f"http://[{CANARY}", f"http://{CANARY}:port/", f"http://xn--{CANARY}-\u2488.example/"):
        with pytest.raises(FetchFailed) as caught:
            call("GET", url, max_bytes=10, timeout_seconds=1)
        assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_the_libraries_log_no_address_even_when_everything_is_logged(listen):
    """Run with the shop's own settings at LOG_LEVEL=DEBUG, where httpx and httpcore would tell every request."""
    listener = listen(OK)
    script = (
        "import django, logging; django.setup(); from core.http_client import call\n"
        "logging.getLogger('shop.test').debug('debug is on')\n"
        f"limits = dict(max_bytes=10, timeout_seconds=5, allowed_ports=[{listener.port}])\n"
        "where = dict(limits, allowed_networks=['127.0.0.0/8'])\n"
        f"call('GET', 'http://127.0.0.1:{listener.port}/', query={{'k': '{CANARY}'}}, **where)\n"
        f"call('POST', 'http://127.0.0.1:{listener.port}/', form={{'k': '{CANARY}'}}, **where)\n"
    )
    environment = os.environ | {"LOG_LEVEL": "DEBUG", "DJANGO_SETTINGS_MODULE": "config.settings.test"}

    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )

    assert ran.returncode == 0, ran.stderr
    assert "debug is on" in ran.stderr
    assert CANARY not in ran.stdout + ran.stderr
    assert str(listener.port) not in ran.stdout + ran.stderr
    assert len(listener.requests) == 2


def test_without_those_settings_the_libraries_would_log_it(listen):
    """The control: the canary above can be seen."""
    written, listener = io.StringIO(), listen(OK)
    handler, httpx_logger = logging.StreamHandler(written), logging.getLogger("httpx")
    before = httpx_logger.level
    httpx_logger.addHandler(handler)
    httpx_logger.setLevel("DEBUG")
    try:
        call_here(listener, "GET")
    finally:
        httpx_logger.removeHandler(handler)
        httpx_logger.setLevel(before)

    assert CANARY in written.getvalue()


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://a.example/x", 443), ("http://a.example", 80), ("http://127.0.0.1:9102/", 9102), ("ftp://a", 0), ("", 0)],
)
def test_the_port_of_an_address(url, port):
    assert port_of(url) == port
