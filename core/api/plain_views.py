"""Views without DRF: health, figures, pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.api.problems import problem_response

SAFE_METHODS = ("GET", "HEAD")


def read_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let GET and HEAD through to a plain view; refuse the rest with a problem, where Django would send empty HTML."""

    @wraps(view)
    def answer(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.method in SAFE_METHODS:
            return view(request, **kwargs)
        response = problem_response(405, detail=f'Method "{request.method}" not allowed.')
        response["Allow"] = ", ".join(SAFE_METHODS)
        return response

    return answer
