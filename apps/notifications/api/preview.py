"""Pages for developers: every mail in every language, as HTML and as text. They exist on a developer's machine only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render as render_page

from apps.notifications.samples import sample_letters
from apps.notifications.services.rendering import Rendered, render
from core.api.plain_views import read_only

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # also for the frame: nothing runs, nothing is loaded
View = Callable[..., HttpResponse]


def on_a_developers_machine(view: View) -> View:
    """Answer 404 wherever customers could see it."""

    @wraps(view)
    def answer(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not settings.DEBUG and settings.ENVIRONMENT != "local":
            raise Http404
        response = view(request, **kwargs)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return read_only(answer)


@on_a_developers_machine
def preview_list(request: HttpRequest) -> HttpResponse:
    """All kinds in all languages."""
    kinds = list(sample_letters())
    context = {"kinds": kinds, "languages": settings.LANGUAGES, "shop_name": settings.SHOP_NAME}
    return render_page(request, "notifications/preview/list.html", context)


@on_a_developers_machine
def preview_mail(request: HttpRequest, kind: str, language: str) -> HttpResponse:
    """One mail: its subject, its text, and a frame with its HTML."""
    mail = _mail(kind, language)
    context = {"kind": kind, "language": language, "languages": settings.LANGUAGES, "mail": mail}
    return render_page(request, "notifications/preview/mail.html", context)


def _mail(kind: str, language: str) -> Rendered:
    letters = sample_letters()
    if kind not in letters or language not in dict(settings.LANGUAGES):
        raise Http404
    return render(kind=kind, language=language, context=letters[kind])
