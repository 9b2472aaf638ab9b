"""What every request passes: an id, a checked host, safe headers, an ETag, a line in the access log."""

import datetime as dt
import hashlib
import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header

from core import context
from core.api.database_failures import database_refusal, is_passing_failure
from core.api.problems import problem_response, refusal_response
from core.api.throttles import client_address
from core.card_numbers import holds_card_number
from core.ids import new_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]
API_PREFIX = "/api/"
V1_PREFIX = "/api/v1/"
HTML_PREFIXES = ("/api/docs", "/api/redoc")
PRIVATE = "private, no-store"
API_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}\Z", re.ASCII)
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBES = frozenset({"/healthz", "/readyz"})
access_log = logging.getLogger("shop.access")


class RequestMiddleware:
    """The outermost layer. One class instead of six: each layer is paid on every request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        request_id = request_id_of(request)
        token = context.request_id.set(request_id)
        try:
            response = self._refusal(request) or self.get_response(request)
            is_api = request.path.startswith(API_PREFIX)
            if is_api and "ETag" in response.headers:
                response = answer_conditionally(request, response)
            self._add_headers(request, response, request_id, is_api=is_api)
            drain(request)
            self._log(request, response, (time.perf_counter() - started) * 1000)
        finally:
            context.request_id.reset(token)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Turn a database that is away into 503, also where no DRF view catches it."""
        if not is_passing_failure(error):
            return None
        return refusal_response(database_refusal(error))

    def _refusal(self, request: HttpRequest) -> HttpResponseBase | None:
        if request.path in _PROBES:
            return None
        try:
            host = request.get_host()
        except DisallowedHost:
            return problem_response(400, detail="The Host header does not name this shop.", code="host_not_allowed")
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            # WSGI knows no end of such a body: Django takes it for empty, and the caller's fields would be "missing".
            return problem_response(411, detail="Send the body with a Content-Length, not in chunks.")
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            if request.path.startswith(API_PREFIX):
                return problem_response(403, detail="The API answers over HTTPS only.", code="https_required")
            return HttpResponsePermanentRedirect(f"https://{host}{request.get_full_path()}")
        return None

    def _add_headers(self, request: HttpRequest, response: HttpResponseBase, request_id: str, *, is_api: bool) -> None:
        headers = response.headers
        headers["X-Request-ID"] = request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer" if is_api else "same-origin"
        headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if is_api and not request.path.startswith(HTML_PREFIXES):
            headers.setdefault("Content-Security-Policy", API_CONTENT_POLICY)
            headers.setdefault("Cache-Control", PRIVATE)
        if settings.V1_DEPRECATED_ON and request.path.startswith(V1_PREFIX):
            for name, value in deprecation_headers(settings.V1_DEPRECATED_ON, settings.V1_SUNSET_ON).items():
                headers[name] = value
        if settings.SECURE_HSTS_SECONDS:
            headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains"
        if not response.streaming and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]

    def _log(self, request: HttpRequest, response: HttpResponseBase, milliseconds: float) -> None:
        if not settings.ACCESS_LOG or not access_log.isEnabledFor(logging.INFO):
            return
        user = getattr(request, "user", None)
        access_log.info(
            "%s %s %s", request.method, request.path, response.status_code,
            extra={
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "milliseconds": round(milliseconds, 2),
                "remote": client_address(request),
                "user": str(user.pk) if user is not None and user.pk else "",
                "bytes": 0 if response.streaming else len(response.content),  # type: ignore[attr-defined]
            },
        )  # fmt: skip


class ContentMiddleware:
    """Chooses the language of messages from Accept-Language, says which one it was, and marks the API's answers.

    It stands inside GZipMiddleware, whose output differs from time to time: the ETag belongs to what is squeezed.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = best_language(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
        translation.activate(language)
        try:
            response = self.get_response(request)
        finally:
            translation.deactivate()
        if request.path.startswith(API_PREFIX):
            set_etag(request, response)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response


def drain(request: HttpRequest) -> None:
    """Read what a view left unread of a short body.

    The server closes a connection whose request was answered before its body had come, and the client's next request
    on that connection is lost. A body too large to be read is worth a connection.
    """
    if request.method not in _WITHOUT_BODY and not getattr(request, "_read_started", True):
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isascii() and length.isdigit() and int(length) <= settings.API_BODY_MAX_BYTES:
            request.read()


def request_id_of(request: HttpRequest) -> str:
    """Return the caller's X-Request-ID if it is well formed, else a new one. It stands in logs, rows and answers."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.match(given) and not holds_card_number(given) else str(new_id())


def set_etag(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give a successful GET a strong ETag, unless it has one."""
    is_read = request.method in {"GET", "HEAD"} and response.status_code == 200 and not response.streaming
    if is_read and "ETag" not in response.headers:
        response.headers["ETag"] = etag_of(response.content)  # type: ignore[attr-defined]


def answer_conditionally(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Make it 304 when the client holds this version already."""
    headers = response.headers
    if response.status_code == 200 and matches(request.META.get("HTTP_IF_NONE_MATCH", ""), headers["ETag"]):
        response.status_code = 304
        response.content = b""  # type: ignore[attr-defined]
        headers.pop("Content-Type", None)
        headers.pop("Content-Encoding", None)
        headers["Content-Length"] = "0"
    return response


def deprecation_headers(deprecated_on: dt.date, sunset_on: dt.date | None) -> dict[str, str]:
    """Return Deprecation (RFC 9745), Sunset (RFC 8594) and a link to the successor."""
    moment = dt.datetime.combine(deprecated_on, dt.time(), dt.UTC)
    headers = {"Deprecation": f"@{int(moment.timestamp())}", "Link": '</api/v2/>; rel="successor-version"'}
    if sunset_on:
        headers["Sunset"] = http_date(dt.datetime.combine(sunset_on, dt.time(23, 59, 59), dt.UTC).timestamp())
    return headers


def etag_of(body: bytes) -> str:
    """Return a strong validator of these bytes."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def matches(header: str, etag: str) -> bool:
    """Tell whether an If-None-Match header names this version (weak comparison, RFC 9110 section 13.1.2)."""
    if not header:
        return False
    if header.strip() == "*":
        return True
    plain = etag.removeprefix("W/").strip('"').removesuffix("-gzip")
    named = (entry.strip().removeprefix("W/").strip('"') for entry in header.split(","))
    return any(entry.removesuffix("-gzip") == plain for entry in named)


@lru_cache(maxsize=512)
def best_language(header: str) -> str:
    """Return the offered language that suits an Accept-Language header best."""
    for wanted, _ in parse_accept_lang_header(header.lower()[:500]):
        if wanted == "*":
            break
        try:
            return get_supported_language_variant(wanted)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
