"""The one client that talks to other hosts: at an address somebody else chose (`fetch`, `send`), or at a provider's
(`call`).

It connects to public addresses only. The name is resolved once and the connection goes to the address that was
checked, so a name that changes its answer gains nothing; `Host` and TLS still see the name. No redirects, no
credentials in the address, no proxies from the environment, no compressed bodies, and limits on size and on the whole
time, slow senders included. The reasons: OWASP API7:2023 (server-side request forgery).

What was asked stays between the two: no address, query or form is in the text of an error or in the errors behind it.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar
from urllib.parse import urlencode

import httpcore
import httpx

from core.http_guard import AddressGuard, Deadline, FetchFailed, GuardedTransport, allowed_addresses

T = TypeVar("T")
MAX_SECONDS = 5.0
MAX_CALL_SECONDS = 30.0  # a provider's API may think for longer than a host of pictures
ALLOWED_PORTS = frozenset({80, 443})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEADERS = {"User-Agent": "shop-engine", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}

__all__ = [
    "ALLOWED_PORTS", "MAX_CALL_SECONDS", "MAX_SECONDS", "Answered", "FetchFailed", "Fetched", "call", "check_address",
    "fetch", "port_of", "send",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """A whole body and its media type in lower case without parameters ("image/png"; empty if none was sent)."""

    body: bytes
    content_type: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """What a host said to a message: its status, and how its answer begins (as far as it came in time)."""

    status: int
    beginning: bytes


def fetch(
    url: str,
    *,
    max_bytes: int,
    timeout_seconds: float = MAX_SECONDS,
    allowed_networks: Sequence[str] = (),
    allowed_ports: Iterable[int] = ALLOWED_PORTS,
) -> Fetched:
    """GET a public http(s) address and return its body of at most `max_bytes`.

    The whole call, name resolution included, ends within `timeout_seconds` (never more than MAX_SECONDS).
    `allowed_networks` ("127.0.0.0/8") are let through although they are not public: for tests and for shops that
    fetch from a host of their own. Raises FetchFailed; nothing was connected to if the address is not allowed.
    """
    checked = _check_url(url, allowed_ports=frozenset(allowed_ports))
    request = httpx.Request("GET", checked, headers=_HEADERS)
    deadline = Deadline(min(timeout_seconds, MAX_SECONDS))
    transport = GuardedTransport(AddressGuard(allowed_networks), deadline)
    return _exchange(request, transport, lambda response: _read_answer(response, max_bytes=max_bytes))


def call(
    method: Literal["GET", "POST"],
    url: str,
    *,
    query: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    max_bytes: int,
    timeout_seconds: float,
    allowed_networks: Sequence[str] = (),
    allowed_ports: Iterable[int] = ALLOWED_PORTS,
) -> Fetched:
    """Send one request to the API at `url` and return its answer (status 200) of at most `max_bytes`.

    `query` becomes that of the address, `form` the body; both are form-encoded in UTF-8. Guarded as `fetch` is; the
    whole call ends within `timeout_seconds` (never more than MAX_CALL_SECONDS). Raises FetchFailed, whose
    `may_have_arrived` tells whether the API can have acted on the request all the same.
    """
    checked = _check_url(url, allowed_ports=frozenset(allowed_ports))
    target = checked if query is None else checked.copy_with(query=_encode(query))
    content = None if form is None else _encode(form)
    headers = _HEADERS if content is None else _HEADERS | {"Content-Type": "application/x-www-form-urlencoded"}
    request = httpx.Request(method, target, headers=headers, content=content)
    deadline = Deadline(min(timeout_seconds, MAX_CALL_SECONDS))
    transport = GuardedTransport(AddressGuard(allowed_networks), deadline)
    return _exchange(request, transport, lambda response: _read_answer(response, max_bytes=max_bytes))


def send(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    max_bytes: int,
    timeout_seconds: float = MAX_SECONDS,
    allowed_networks: Sequence[str] = (),
    allowed_ports: Iterable[int] = ALLOWED_PORTS,
) -> Answered:
    """POST a message to a public http(s) address and return the status of the answer, whatever it is.

    Guarded as `fetch` is; of a successful answer no body is read, of another at most `max_bytes`. Raises FetchFailed
    when there was no answer, whose `may_have_arrived` tells whether the message can be there all the same.
    """
    checked = _check_url(url, allowed_ports=frozenset(allowed_ports))
    request = httpx.Request("POST", checked, headers={**_HEADERS, **headers}, content=body)
    deadline = Deadline(min(timeout_seconds, MAX_SECONDS))
    transport = GuardedTransport(AddressGuard(allowed_networks), deadline)
    return _exchange(request, transport, lambda response: _read_beginning(response, max_bytes=max_bytes))


def check_address(
    url: str,
    *,
    allowed_networks: Sequence[str] = (),
    allowed_ports: Iterable[int] = ALLOWED_PORTS,
    timeout_seconds: float = MAX_SECONDS,
) -> None:
    """Raise FetchFailed unless the guard would let a connection to this address through now.

    The name is resolved, nothing is connected to. It may lead elsewhere later: the guard looks again at each call.
    """
    checked = _check_url(url, allowed_ports=frozenset(allowed_ports))
    port = checked.port or _DEFAULT_PORTS[checked.scheme]
    try:
        allowed_addresses(checked.host, port, guard=AddressGuard(allowed_networks), seconds=timeout_seconds)
    except httpcore.TimeoutException:
        raise FetchFailed("the name was not resolved in time", permanent=False) from None


def port_of(url: str) -> int:
    """Return the port an address leads to, for `allowed_ports` of an address the operator chose; 0 if it has none."""
    try:
        parsed = httpx.URL(url)
        return parsed.port if parsed.port is not None else _DEFAULT_PORTS.get(parsed.scheme, 0)
    except (httpx.InvalidURL, ValueError):
        return 0


def _encode(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields, errors="replace").encode("ascii")


def _exchange(request: httpx.Request, transport: GuardedTransport, read: Callable[[httpx.Response], T]) -> T:
    """Return what `read` makes of the answer. Raises FetchFailed for every failure of the libraries below.

    It is raised outside their `except`: their errors carry the request, and an error's context is shown in traces.
    """
    try:
        with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as client:
            response = client.send(request, stream=True)
            try:
                return read(response)
            finally:
                response.close()
    except FetchFailed as error:
        reason, permanent = error.reason, error.permanent
    except (httpcore.TimeoutException, httpx.TimeoutException):
        reason, permanent = "the host took too long", False
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, OSError):
        reason, permanent = "the connection failed", False
    except (httpx.InvalidURL, httpcore.UnsupportedProtocol, ValueError):
        reason, permanent = "this is not an address", True
    raise FetchFailed(reason, permanent=permanent, may_have_arrived=transport.has_sent)


def _read_answer(response: httpx.Response, *, max_bytes: int) -> Fetched:
    _check_response(response, max_bytes=max_bytes)
    body = _read_capped(response, max_bytes=max_bytes)
    return Fetched(body=body, content_type=_media_type(response))


def _read_beginning(response: httpx.Response, *, max_bytes: int) -> Answered:
    """The status is the answer; a body that comes slowly or breaks off changes nothing about it."""
    body = bytearray()
    if not response.is_success:
        with contextlib.suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError):
            for chunk in response.iter_raw():
                body += chunk
                if len(body) >= max_bytes:
                    break
    return Answered(status=response.status_code, beginning=bytes(body[:max_bytes]))


def _check_url(url: str, *, allowed_ports: frozenset[int]) -> httpx.URL:
    """Return the parsed address; the same parse is used for connecting. Raises FetchFailed."""
    if not url.isprintable() or any(sign in url for sign in " \\"):
        raise FetchFailed("the address has characters that do not belong into one", permanent=True)
    parsed = _parse_url(url)
    port = parsed.port if parsed.port is not None else _DEFAULT_PORTS.get(parsed.scheme)
    if parsed.scheme not in _DEFAULT_PORTS:
        raise FetchFailed("only http and https addresses are fetched", permanent=True)
    if not parsed.host:
        raise FetchFailed("the address names no host", permanent=True)
    if parsed.userinfo or "@" in parsed.netloc.decode("ascii", "replace"):
        raise FetchFailed("the address carries a user name", permanent=True)
    if port not in allowed_ports:
        raise FetchFailed(f"port {port} is not fetched from", permanent=True)
    return parsed


def _parse_url(url: str) -> httpx.URL:
    with contextlib.suppress(httpx.InvalidURL, ValueError):
        parsed = httpx.URL(url)
        _ = parsed.host  # decoded only now: a bad international name fails here
        return parsed
    raise FetchFailed("this is not an address", permanent=True)


def _check_response(response: httpx.Response, *, max_bytes: int) -> None:
    status = response.status_code
    if 300 <= status < 400:
        raise FetchFailed(f"the host answered {status}; redirects are not followed", permanent=True)
    if status != 200:
        raise FetchFailed(f"the host answered {status}", permanent=400 <= status < 500 and status not in (408, 429))
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchFailed("the host sent a compressed body although none was asked for", permanent=True)
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > max_bytes:
        raise FetchFailed(f"the body has more than {max_bytes} bytes", permanent=True)


def _read_capped(response: httpx.Response, *, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise FetchFailed(f"the body has more than {max_bytes} bytes", permanent=True)
    return bytes(body)


def _media_type(response: httpx.Response) -> str:
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower()
