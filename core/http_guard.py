"""What keeps core.http_client on the public internet and within its time: addresses, connections, deadlines."""

import functools
import ipaddress
import queue
import socket
import ssl
import threading
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence

import httpcore
import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What `is_global` calls public or has called public in some Python version, but leads home or nowhere.
_NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/8",  # v4-compatible, v4-mapped and v4-translated addresses
        "64:ff9b::/32",  # NAT64: a v4 address inside
        "100::/16",
        "2001::/23",  # Teredo, ORCHID …: a v4 address inside
        "2002::/16",  # 6to4: a v4 address inside
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",  # link-local and the old site-local
        "ff00::/8",
    )
)


class FetchFailed(Exception):
    """Nothing was fetched. `reason` is for people; `permanent` says that trying again cannot help.

    `may_have_arrived` is false only if not one byte of the request was sent: otherwise the host may have acted on it.
    """

    def __init__(self, reason: str, *, permanent: bool, may_have_arrived: bool = False) -> None:
        self.reason = reason
        self.permanent = permanent
        self.may_have_arrived = may_have_arrived
        super().__init__(reason)


class AddressGuard:
    """Says which addresses may be connected to."""

    def __init__(self, allowed_networks: Sequence[str] = ()) -> None:
        self._allowed = [ipaddress.ip_network(text) for text in allowed_networks]

    def allows(self, text: str) -> bool:
        """Return whether the address is public (or explicitly allowed)."""
        try:
            address: Address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if any(address in network for network in self._allowed):
            return True
        return address.is_global and not any(address in network for network in _NEVER)


class Deadline:
    """One instant by which everything must be over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left. Raises httpcore.ReadTimeout when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is over")
        return left


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """Made once: reading the certificates of the world's authorities takes longer than a call."""
    return ssl.create_default_context()


class GuardedTransport(httpx.BaseTransport):
    """httpx over a connection pool whose every connection passes the guard and obeys the deadline."""

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        self._backend = _GuardedBackend(guard, deadline)
        self._pool = httpcore.ConnectionPool(ssl_context=_tls_context(), network_backend=self._backend, retries=0)

    @property
    def has_sent(self) -> bool:
        """Whether a byte of a request may have left; the greeting of TLS does not count."""
        return self._backend.has_sent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=target,
                headers=request.headers.raw,
                content=typing.cast("Iterable[bytes]", request.stream),
            )
        )
        stream = typing.cast("Iterable[bytes]", answer.stream)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(stream, answer))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body as it arrives."""

    def __init__(self, stream: Iterable[bytes], answer: httpcore.Response) -> None:
        self._stream = stream
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._answer.close()


class _GuardedBackend(httpcore.NetworkBackend):
    """Opens TCP connections to allowed addresses only; nothing else of httpcore can reach the network."""

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()
        self.has_sent = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in allowed_addresses(host, port, guard=self._guard, seconds=self._deadline.remaining()):
            try:
                stream = self._sockets.connect_tcp(address, port, timeout=self._deadline.remaining())
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline, self._note_sent)
        raise failure

    def connect_unix_socket(self, *args: object, **kwargs: object) -> httpcore.NetworkStream:
        raise FetchFailed("local sockets are not fetched from", permanent=True)

    def _note_sent(self) -> None:
        self.has_sent = True


class _TimedStream(httpcore.NetworkStream):
    """A connection on which no single wait outlives the deadline, so that dripping byte by byte gains no time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline, note_sent: Callable[[], None]) -> None:
        self._stream = stream
        self._deadline = deadline
        self._note_sent = note_sent

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._deadline.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        seconds = self._deadline.remaining()
        self._note_sent()
        self._stream.write(buffer, timeout=seconds)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, timeout=self._deadline.remaining())
        return _TimedStream(inner, self._deadline, self._note_sent)

    def get_extra_info(self, info: str) -> typing.Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def allowed_addresses(host: str, port: int, *, guard: AddressGuard, seconds: float) -> list[str]:
    """Return all addresses of a name. Raises FetchFailed if one of them, just one, is not allowed."""
    addresses = _resolve(host, port, seconds=seconds)
    if not all(guard.allows(address) for address in addresses):
        raise FetchFailed("the host is not on the public internet", permanent=True)
    return addresses


def _resolve(host: str, port: int, *, seconds: float) -> list[str]:
    """Return the addresses of a name, in the system's order of preference.

    The system's resolver has time limits of its own, longer than ours, so it works in a thread that can be left
    behind. Raises httpcore.ConnectTimeout, or FetchFailed when the name is unknown.
    """
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty as error:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from error
    if isinstance(answer, Exception):
        raise FetchFailed("the host's name is not known", permanent=False) from answer
    return answer
