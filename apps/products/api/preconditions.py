"""If-Match: a write that names the version it was made for."""

from collections.abc import Callable, Iterable

from rest_framework.request import Request

from core.api.errors import PreconditionFailed
from core.api.middleware import etag_of, matches
from core.api.renderers import to_json


def if_match(request: Request, bodies: Callable[[], Iterable[object]]) -> Callable[[], None] | None:
    """Return a check for a service to run once it holds the row's lock, or None without an If-Match header.

    `bodies` yields what a GET would show now, one body for each way the caller may have read the resource. The check
    raises PreconditionFailed unless the header names one of them. A weak validator counts like a strong one: proxies
    that compress weaken ours, and it still comes from the very bytes.
    """
    header = request.META.get("HTTP_IF_MATCH", "")
    if not header:
        return None

    def check() -> None:
        if not any(matches(header, etag_of(to_json(body))) for body in bodies()):
            raise PreconditionFailed

    return check
