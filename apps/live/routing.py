"""Which addresses the live process answers, and to whom."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from apps.live.consumers import LiveConsumer, hub
from core.networks import network_of_address, trusted_address

PATH = "/ws/notifications/"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def make_application() -> Any:
    """Return the ASGI application: one socket, and a page that says the process lives."""
    return ProtocolTypeRouter({"websocket": socket, "http": page, "lifespan": lifespan})


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Let a client through to its connection, or refuse the handshake (403)."""
    if scope["path"] not in (PATH, PATH.rstrip("/")) or not may_connect(scope):
        await receive()
        await send({"type": "websocket.close", "code": 4403})
        return
    await LiveConsumer.as_asgi()(scope | {"network": network_of(scope)}, receive, send)


def may_connect(scope: Scope) -> bool:
    """Whether the request names this shop as its host and comes from a page of an origin that may use the API.

    What is no browser sends no Origin. A page of another site could not do harm, as no cookie proves who one is; but it
    has no business here.
    """
    headers = dict(_headers(scope))
    host = headers.get("host", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    origin = headers.get("origin")
    return origin is None or origin in _origins() or urlsplit(origin).netloc.lower() == host.lower()


def network_of(scope: Scope) -> str:
    """Return the network that the client's connections are counted by."""
    forwarded_for = ",".join(value for name, value in _headers(scope) if name == "x-forwarded-for")
    remote = (scope.get("client") or ("",))[0]
    return network_of_address(trusted_address(forwarded_for=forwarded_for, remote=remote))


def _headers(scope: Scope) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]


def _origins() -> set[str]:
    own = (urlsplit(address) for address in (settings.PUBLIC_URL, settings.STOREFRONT_URL))
    return {*settings.CORS_ALLOWED_ORIGINS, *(f"{parts.scheme}://{parts.netloc}" for parts in own)}


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer plain HTTP: 200 at /healthz, else 404."""
    status = 200 if scope["path"] == "/healthz" else 404
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok\n" if status == 200 else b"not found\n"})


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Read from the start to the end of the process."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            hub.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            hub.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
