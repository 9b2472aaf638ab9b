"""A threaded HTTP/1.1 server on loopback for the fakes: kept-alive connections, and misbehaviour on demand."""

import contextlib
import dataclasses
import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.mischief import Mischief

MAX_BODY = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters in the order sent: those of the address, then those of a form."""
        return [*_parse(self.query), *_parse(self.body.decode("utf-8", "replace"))]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes out."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it is remembered for tests. `status` 0: no answer was given."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    status: int
    replayed: bool


class FakeServer:
    """Answers with `handle` until stopped. What `handle` raises is remembered in `crashes` and answered with 500."""

    def __init__(self, handle: Callable[[Request], Answer], *, mischief: Mischief, port: int = 0) -> None:
        self._handle = handle
        self._mischief = mischief
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        self.crashes: list[str] = []
        self.on_call: Callable[[Request], None] | None = None
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection, and wake whoever is being kept waiting."""
        self._mischief.stop()
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """Cut every open connection."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def tracked(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None to hang up without one."""
        if self._mischief.is_dead:
            return None
        try:
            if self.on_call is not None:
                self.on_call(request)
            answer = self._handle(request)
        except Exception:  # noqa: BLE001 - whatever a fake does wrong has to reach the test that asks for crashes
            self.crashes.append(traceback.format_exc())
            answer = as_json({"error": {"type": "api_error", "message": "the fake crashed"}}, status=500)
        self._mischief.wait_before_answering(request.method, request.path)
        is_cut = self._mischief.is_dead or self._mischief.takes_cut(request.method, request.path)
        self._remember(request, answer, is_cut=is_cut)
        return None if is_cut else answer

    def _remember(self, request: Request, answer: Answer, *, is_cut: bool) -> None:
        call = Call(
            method=request.method,
            path=request.path,
            params=dict(request.pairs),
            headers=request.headers,
            status=0 if is_cut else answer.status,
            replayed="Idempotent-Replayed" in answer.headers,
        )
        with self._lock:
            self.calls.append(call)


def as_json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer with `value` in the two-space layout that Stripe uses."""
    body = json.dumps(value, indent=2, ensure_ascii=False).encode()
    return Answer(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


def as_page(html: str, *, status: int = 200) -> Answer:
    """Return an answer a browser shows."""
    return Answer(status=status, body=html.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def _parse(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients of these tests hang up in the middle of things."""


def _handler_for(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65_536

        def handle(self) -> None:
            with fake.tracked(self.connection):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _serve(self) -> None:
            answer = fake.answer(_read(self))
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_DELETE = do_PUT = _serve

    return Handler


def _read(handler: BaseHTTPRequestHandler) -> Request:
    address = urlsplit(handler.path)
    length = min(int(handler.headers.get("Content-Length") or 0), MAX_BODY)
    return Request(
        method=handler.command,
        path=address.path,
        query=address.query,
        headers={name.lower(): value for name, value in handler.headers.items()},
        body=handler.rfile.read(length) if length else b"",
    )
