"""Django's session, CSRF, sign-in and message layers, for the back office's paths only."""

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.middleware import csrf

BACKOFFICE_PREFIX = "/admin/"


class _BackofficeOnly:
    """Steps aside for every path outside the back office."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(BACKOFFICE_PREFIX):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)


class SessionMiddleware(_BackofficeOnly, sessions.SessionMiddleware):
    """Sessions of the back office."""


class CsrfViewMiddleware(_BackofficeOnly, csrf.CsrfViewMiddleware):
    """CSRF protection of the back office. The API reads no cookie, so there is nothing to forge."""

    def process_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.path.startswith(BACKOFFICE_PREFIX):
            return super().process_view(request, *args, **kwargs)
        return None


class AuthenticationMiddleware(_BackofficeOnly, auth.AuthenticationMiddleware):
    """Sign-in of the back office by session."""


class MessageMiddleware(_BackofficeOnly, messages.MessageMiddleware):
    """The back office's one-time messages."""
