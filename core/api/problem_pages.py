"""GET /problems/{code}/: what the `type` of a problem document points to, for people who look it up."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from core.api.plain_views import read_only
from core.api.problems import status_of
from core.errors import ShopError


@read_only
def problem_page(request: HttpRequest, slug: str) -> HttpResponse:
    """One kind of refusal: its code, status, title and meaning."""
    kinds = known_problems()
    kind = kinds.get(slug.replace("-", "_"))
    if kind is None:
        raise Http404
    return render(request, "core/problem.html", {"kind": kind, "status": status_of(kind()), "meaning": kind.__doc__})


def known_problems() -> dict[str, type[ShopError]]:
    """Return every kind of refusal the shop knows, by its code."""
    found: dict[str, type[ShopError]] = {}
    waiting = [ShopError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found.setdefault(kind.code, kind)
    found.pop(ShopError.code, None)
    return found
