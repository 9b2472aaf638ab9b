"""A listener on loopback whose answers a test writes byte by byte."""

import contextlib
import socket
import threading
from collections.abc import Callable

LOOPBACK = ("127.0.0.0/8",)


class Listener:
    """Accepts connections on loopback, counts them and lets `serve` answer."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self.requests.append(_read_request(connection))
            self._serve(connection)

    def close(self) -> None:
        self._socket.close()


def answer(*parts: bytes, status: bytes = b"200 OK") -> Callable[[socket.socket], None]:
    """Serve one whole answer; `parts` are header lines, the last is the body."""
    *headers, body = parts
    head = b"".join(line + b"\r\n" for line in headers)
    return lambda connection: connection.sendall(b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n" + body)


def _read_request(connection: socket.socket) -> bytes:
    """Return the head and as much body as it announces: a client may send the two in two packets."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65536)):
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0 and (chunk := connection.recv(65536)):
        received += chunk
        missing -= len(chunk)
    return received
