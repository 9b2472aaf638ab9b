"""Refusals as RFC 9457 problem documents. The one place where a code of ours meets an HTTP status."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core import context
from core.api.database_failures import database_refusal, is_passing_failure
from core.api.errors import BodyTooLarge, PreconditionFailed, PreconditionRequired, Throttled
from core.api.renderers import JSONRenderer, to_json
from core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    ShopError,
    Unavailable,
    Unprocessable,
)

CONTENT_TYPE = "application/problem+json"
BUSY_RETRY_SECONDS = 2


# The first match wins: exact classes before their categories.
_STATUS: tuple[tuple[type[ShopError], int], ...] = (
    (BodyTooLarge, 413),
    (Throttled, 429),
    (PreconditionFailed, 412),
    (PreconditionRequired, 428),
    (InvalidInput, 400),
    (NotAuthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unprocessable, 422),
    (Unavailable, 503),
)
_STATUS_BY_CODE = {"events_gone": 410, "image_too_large": 413, "image_type_not_allowed": 415}
_PLAIN: dict[int, tuple[str, str]] = {
    400: ("bad_request", "Bad request"),
    401: ("not_authenticated", "Authentication required"),
    403: ("forbidden", "Not allowed"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "Method not allowed"),
    406: ("not_acceptable", "Not acceptable"),
    411: ("length_required", "Length required"),
    413: ("body_too_large", "The body is too large"),
    415: ("unsupported_media_type", "Unsupported media type"),
    429: ("throttled", "Too many requests"),
    500: ("internal_error", "Something went wrong on our side"),
    503: ("unavailable", "Temporarily unavailable"),
}
# No class of ours stands behind these, so no page at /problems/ explains them: HTTP's own status does.
_EXPLAINED_BY_STATUS = frozenset(
    {
        *("bad_request", "error", "host_not_allowed", "https_required", "internal_error", "length_required"),
        *("malformed", "method_not_allowed", "not_acceptable", "not_found", "unsupported_media_type"),
    }
)


def status_of(error: ShopError) -> int:
    """Return the HTTP status of an error of ours."""
    by_code = _STATUS_BY_CODE.get(error.code)
    if by_code is not None:
        return by_code
    return next((number for kind, number in _STATUS if isinstance(error, kind)), 500)


def problem(
    number: int,
    *,
    code: str = "",
    title: str = "",
    detail: str = "",
    errors: Iterable[FieldError] = (),
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a problem document as a dict."""
    plain_code, plain_title = _PLAIN.get(number, ("error", "Error"))
    code = code or plain_code
    title = title or plain_title
    return {
        **(extra or {}),
        "type": "about:blank" if code in _EXPLAINED_BY_STATUS else f"/problems/{code.replace('_', '-')}/",
        "title": title,
        "status": number,
        "detail": detail or title,
        "code": code,
        "request_id": context.request_id.get(),
        "errors": [{"field": e.field, "code": e.code, "detail": e.detail} for e in errors],
    }


def problem_response(number: int, *, retry_after: int | None = None, **members: Any) -> HttpResponse:
    """Return a problem as a plain Django answer, for what happens outside a view."""
    response = HttpResponse(to_json(problem(number, **members)), status=number, content_type=CONTENT_TYPE)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def refusal_response(refusal: Unavailable) -> HttpResponse:
    """Return a refusal of ours as a plain Django answer, for what happens outside a view."""
    retry_after = refusal.retry_after_seconds or BUSY_RETRY_SECONDS
    return problem_response(503, retry_after=retry_after, code=refusal.code, title=refusal.title, detail=refusal.detail)


def exception_handler(error: Exception, view_context: dict[str, Any]) -> Response | None:
    """DRF's hook: every refusal of ours, DRF's and Django's becomes a problem; bugs are passed on."""
    set_rollback()
    _answer_in_json(view_context.get("request"))
    if isinstance(error, ShopError):
        return _shop_refusal(error)
    if isinstance(error, Http404):
        return _response(404, problem(404), {})
    if isinstance(error, PermissionDenied):
        return _response(403, problem(403), {})
    if isinstance(error, exceptions.ValidationError):
        return _response(400, invalid_problem(error), {})
    if isinstance(error, exceptions.APIException):
        return _response(error.status_code, _api_problem(error), _drf_headers(error))
    if is_passing_failure(error):
        return _shop_refusal(database_refusal(error))
    return None


def invalid_problem(error: exceptions.ValidationError) -> dict[str, Any]:
    """Return the 400 document of a serializer's errors, with dotted paths."""
    fields = tuple(_flatten(error.get_full_details()))
    detail = fields[0].detail if len(fields) == 1 and not fields[0].field else "Some fields are not valid."
    return problem(400, code="invalid", title="Invalid input", detail=detail, errors=fields)


def _answer_in_json(request: Any) -> None:
    """A problem is JSON also from a view that otherwise renders YAML, PDF or a page."""
    if request is not None:
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type


def _shop_refusal(error: ShopError) -> Response:
    """Return the answer to an error of ours. Its `headers` are for the answer's head, not members of the document."""
    number = status_of(error)
    members = {name: value for name, value in error.extra.items() if name != "headers"}
    body = problem(number, code=error.code, title=error.title, detail=error.detail, errors=error.errors, extra=members)
    return _response(number, body, _headers_of(error))


def _response(number: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    if number == status.HTTP_401_UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return Response(body, status=number, headers=headers, content_type=CONTENT_TYPE)


def _headers_of(error: ShopError) -> dict[str, str]:
    headers = dict(error.extra.get("headers", {}))
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = str(BUSY_RETRY_SECONDS)
    return headers


def _api_problem(error: exceptions.APIException) -> dict[str, Any]:
    number = error.status_code
    code = error.default_code
    if isinstance(error, exceptions.ParseError):
        return problem(number, code="malformed", title="The request cannot be read", detail=str(error.detail))
    if number in _PLAIN:
        code = _PLAIN[number][0]
    detail = "" if number == status.HTTP_404_NOT_FOUND else str(error.detail)
    return problem(number, code=code, detail=detail)


def _drf_headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _flatten(details: Any, path: str = "") -> Iterable[FieldError]:
    """Yield serializer errors with dotted paths ("items.0.quantity")."""
    if isinstance(details, list):
        for position, entry in enumerate(details):
            is_leaf = isinstance(entry, dict) and set(entry) == {"message", "code"}
            yield from _flatten(entry, path if is_leaf else f"{path}.{position}".strip("."))
    elif isinstance(details, dict) and set(details) == {"message", "code"}:
        yield FieldError(field=path, code=str(details["code"]), detail=str(details["message"]))
    elif isinstance(details, dict):
        for name, entry in details.items():
            yield from _flatten(entry, path if name == "non_field_errors" else f"{path}.{name}".strip("."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path."""
    return problem_response(404)


def not_found_view(request: HttpRequest) -> HttpResponse:
    """Answer an unknown path under /api/, whatever DEBUG says. A forgotten last slash is pointed out."""
    corrected = f"{request.path_info}/"
    detail = f"Paths end with a slash: {corrected}" if _is_known(corrected) else ""
    return problem_response(404, detail=detail)


def _is_known(path: str) -> bool:
    try:
        return resolve(path).func is not not_found_view
    except Resolver404:
        return False


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug: fixed text and the request's id, nothing of the inside."""
    return problem_response(500, detail="The error has been logged under this request_id.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses (a bad Host header, a suspicious request)."""
    return problem_response(400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal raised outside the API's views."""
    return problem_response(403)
