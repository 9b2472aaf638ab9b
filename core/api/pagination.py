"""Numbered pages: {count, next, previous, results}."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError, InvalidInput, NotFound

T = TypeVar("T")
MAX_PAGE = 1_000_000


def paginate(
    request: Request,
    rows: "QuerySet[Any, T] | Sequence[T]",
    shape: Callable[[T], dict[str, Any]] | None = None,
    *,
    shape_all: Callable[[Sequence[T]], list[dict[str, Any]]] | None = None,
) -> Response:
    """Return one page of `rows`, each shaped by `shape` (or the whole page at once by `shape_all`).

    `?page=` counts from 1, `?page_size=` is 20 by default and capped at 100. Raises InvalidInput for text that is no
    page number and NotFound past the last page. One statement for the count and one for the rows.
    """
    number, size = page_number(request), page_size(request)
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    first = (number - 1) * size
    if number > 1 and first >= count:
        raise NotFound("There is no such page.")
    page = list(rows[first : first + size]) if count else []
    results = shape_all(page) if shape_all else [shape(row) for row in page] if shape else page
    return Response(page_document(request, results=results, count=count, number=number, size=size))


def page_document(request: Request, *, results: Sequence[Any], count: int, number: int, size: int) -> dict[str, Any]:
    """Return the body of a page with absolute links to its neighbours."""
    return {
        "count": count,
        "next": page_link(request, number + 1) if number * size < count else None,
        "previous": page_link(request, number - 1) if number > 1 else None,
        "results": results,
    }


def page_number(request: Request) -> int:
    """Return `?page=`. Raises InvalidInput."""
    return min(_positive(request, "page", 1), MAX_PAGE)


def page_size(request: Request) -> int:
    """Return `?page_size=`, at most 100. Raises InvalidInput."""
    return min(_positive(request, "page_size", settings.PAGE_SIZE), int(settings.PAGE_SIZE_MAX))


def page_link(request: Request, number: int) -> str:
    """Return this request's address with another page number."""
    query = request.GET.copy()
    query["page"] = str(number)
    if number == 1:
        del query["page"]
    text = urlencode(sorted(query.lists()), doseq=True)
    return request.build_absolute_uri(f"{request.path}?{text}" if text else request.path)


def _positive(request: Request, name: str, default: int) -> int:
    raw = request.GET.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 18 and int(raw) > 0):
        raise InvalidInput(errors=(FieldError(name, "invalid", "A whole number from 1 is expected."),))
    return int(raw)
