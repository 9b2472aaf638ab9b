"""Django's SMTP with an end: a step of the conversation has a time-out there, here the whole of it has one as well.

A server that says a byte now and then never outlasts the time-out of a step, and would hold its sender for ever.
"""

import contextlib
import functools
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

SEND_SECONDS = 15.0


class EmailBackend(smtp.EmailBackend):
    """Sends what it is given within `send_seconds`, from the connection to the goodbye.

    Then the line is cut: nothing is sent any more, and what was under way raises SMTPServerDisconnected or another
    OSError. Only the search for the host's address is left to the time-outs of the system's resolver.
    """

    def __init__(self, *args: Any, send_seconds: float = SEND_SECONDS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._send_seconds = send_seconds
        self._line = _Line(send_seconds)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        with self._lock, _Line(self._send_seconds) as self._line:
            return super().send_messages(email_messages)

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]
        return functools.partial(_TlsClient if self.use_ssl else _Client, line=self._line)


class _Line:
    """A connection that is cut after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None

    def __enter__(self) -> "_Line":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to the first of the host's addresses that answers. Raises OSError."""
        failure: OSError | None = None
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            place = (str(address[0]), port)
            try:
                connection = socket.create_connection(place, min(timeout, self._seconds_left()))
            except OSError as error:
                failure = error
            else:
                return self._hold(connection)
        raise failure or OSError(f"{host} has no address")

    def _seconds_left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for sending is over")
        return left

    def _hold(self, connection: socket.socket) -> socket.socket:
        """Keep a second handle of the connection: TLS wraps the first and takes it along."""
        with self._lock:
            self._handle = connection.dup()
        if time.monotonic() >= self._ends_at:
            self._cut()
        return connection

    def _cut(self) -> None:
        with self._lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):  # the server was quicker
                    self._handle.shutdown(socket.SHUT_RDWR)


class _Client(smtplib.SMTP):
    """Speaks over a line. `_get_socket` is where smtplib's own TLS client steps in as well."""

    def __init__(self, *args: Any, line: _Line, **kwargs: Any) -> None:
        self._line = line
        super().__init__(*args, **kwargs)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._line.connect(host, port, timeout)


class _TlsClient(smtplib.SMTP_SSL, _Client):
    """The same, speaking TLS from the first byte: SMTP_SSL wraps what the next class connects."""

    def __init__(self, *args: Any, line: _Line, **kwargs: Any) -> None:
        self._line = line
        smtplib.SMTP_SSL.__init__(self, *args, **kwargs)
