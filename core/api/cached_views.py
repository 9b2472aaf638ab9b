"""Public answers from memory: the same bytes for everybody, until something they show changes.

`cached_view()` stands in front of a DRF view. A GET without credentials is answered from this process's memory when
nothing the answer shows has changed on this machine (core.changes) and the answer is younger than
settings.CATALOGUE_CACHE_SECONDS (the bound for changes made on other machines; 0 keeps nothing). Everything else
(other methods, callers with an Authorization header, refusals) goes to the DRF view. See docs/adr on catalogue caching.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.api import throttles
from core.api.answer_cache import GZIP_FROM_BYTES, Answer, AnswerCache, make_answer
from core.api.middleware import best_language, etag_of
from core.api.renderers import to_json
from core.changes import counters
from core.errors import ShopError

CACHE_MEGABYTES = 128
STALE_IF_ERROR_SECONDS = 600
REBUILD_SECONDS = 0.25  # while one thread rebuilds an answer that is only old, the others go on serving it
VARY = "Accept-Encoding, Accept-Language, Authorization"


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """A body for everybody, and the change slots of everything it shows."""

    body: Any
    slots: Sequence[int]


# Makes the public answer to a GET from the request and the route's values. Raises ShopError to refuse: the DRF view
# then says so.
Build = Callable[..., Built]


@functools.cache
def answers() -> AnswerCache:
    """Return this process's answers."""
    return AnswerCache(max_entries=settings.CATALOGUE_CACHE_ENTRIES, max_bytes=CACHE_MEGABYTES * 1024 * 1024)


def cached_view(view: Callable[..., HttpResponseBase], *, build: Build) -> Callable[..., HttpResponseBase]:
    """Return a view that answers public GETs with `build`'s bytes and leaves the rest to `view`.

    The view's marks (`cls`, `initkwargs`, `csrf_exempt` …) are kept, so that OpenAPI still sees the DRF view.
    Only answers that have to be built count against the "default" throttle.
    """

    @functools.wraps(view)
    def answer(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not _is_public_read(request):
            return view(request, **kwargs)
        try:
            return _respond(request, _find_or_build(request, build, kwargs))
        except ShopError:
            return view(request, **kwargs)

    return answer


class AnswersFromMemory:
    """Middleware that serves what `cached_view()` keeps before the request is routed: half the cost of a hit.

    It stands right behind RequestMiddleware. What is not kept, or not fresh, goes on to the view as ever.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_public_read(request):
            return self.get_response(request)
        known = answers().get(_key(request))
        if known is None or time.monotonic() >= known.fresh_until or not known.is_unchanged(counters()):
            return self.get_response(request)
        response = _respond(request, known)
        response.headers["Content-Language"] = best_language(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
        return response


def _is_public_read(request: HttpRequest) -> bool:
    return request.method in {"GET", "HEAD"} and "HTTP_AUTHORIZATION" not in request.META


def _key(request: HttpRequest) -> tuple[str | None, str, str, str]:
    return request.scheme, request.get_host(), request.path, request.META.get("QUERY_STRING", "")


def _find_or_build(request: HttpRequest, build: Build, kwargs: dict[str, Any]) -> Answer:
    key = _key(request)
    known = answers().get(key)
    if known is not None and known.is_unchanged(counters()):
        now = time.monotonic()
        if now < known.fresh_until:
            return known
        known.fresh_until = now + REBUILD_SECONDS
    else:
        known = None
    try:
        made = _build(request, build, kwargs)
    except ShopError:
        answers().drop(key)
        raise
    except (OperationalError, InterfaceError):
        if known is None or time.monotonic() > known.made_at + STALE_IF_ERROR_SECONDS:
            raise
        return known  # the database is away: what was true a moment ago is the best there is
    if settings.CATALOGUE_CACHE_SECONDS > 0:
        answers().put(key, made)
    return made


def _build(request: HttpRequest, build: Build, kwargs: dict[str, Any]) -> Answer:
    throttles.check("default", throttles.network_of(request))
    snapshot, now = counters().snapshot(), time.monotonic()
    built = build(request, **kwargs)
    body = to_json(built.body)
    return make_answer(
        body=body,
        etag=etag_of(body),
        slots=built.slots,
        snapshot=snapshot,
        now=now,
        max_age_seconds=settings.CATALOGUE_CACHE_SECONDS,
    )


def _respond(request: HttpRequest, answer: Answer) -> HttpResponse:
    """Return the answer; the request middleware turns it into 304 for a client that holds it already."""
    squeeze = len(answer.body) >= GZIP_FROM_BYTES and "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "")
    response = HttpResponse(answer.compressed() if squeeze else answer.body, content_type="application/json")
    headers = response.headers
    headers["ETag"] = f"W/{answer.etag}" if squeeze else answer.etag
    headers["Vary"] = VARY
    headers["Cache-Control"] = (
        f"public, max-age={settings.CATALOGUE_CACHE_SECONDS}, stale-if-error={STALE_IF_ERROR_SECONDS}"
    )
    if squeeze:
        headers["Content-Encoding"] = "gzip"
    return response
