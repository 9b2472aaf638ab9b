"""Settings that contradict each other, found by `manage.py check` and before the server starts."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from core.api.throttles import parse_rate


@register()
def check_throttle_rates(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every rate can be read ("10/minute")."""
    problems: list[CheckMessage] = []
    for scope, rate in settings.THROTTLE_RATES.items():
        try:
            parse_rate(rate)
        except ValueError:
            hint = f"Set THROTTLE_{scope.upper()} to something like 10/minute."
            problems.append(Error(f"The rate {rate!r} of {scope!r} cannot be read.", hint=hint, id="core.E001"))
    return problems


@register()
def check_dates(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A version is not switched off before it is announced as deprecated."""
    deprecated, sunset = settings.V1_DEPRECATED_ON, settings.V1_SUNSET_ON
    if sunset and (deprecated is None or sunset < deprecated):
        return [Error("V1_SUNSET_ON needs a V1_DEPRECATED_ON that is not later.", id="core.E002")]
    return []


@register()
def check_https(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Links in mails lead to HTTPS where only HTTPS is answered."""
    if settings.SECURE_SSL_REDIRECT and settings.PUBLIC_URL.startswith("http://"):
        hint = "Set PUBLIC_URL to the address customers use."
        return [Error("SECURE_SSL_REDIRECT is on, but PUBLIC_URL begins with http://.", hint=hint, id="core.E003")]
    return []


@register()
def check_services(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What is set is used, and what production needs is there."""
    problems: list[CheckMessage] = []
    if settings.ENVIRONMENT == "production":
        if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
            problems.append(Warning("SQLite takes one writer at a time; production wants PostgreSQL.", id="core.W002"))
        if not settings.REDIS_URL:
            text = "Without REDIS_URL every server process counts rate limits for itself."
            problems.append(Warning(text, id="core.W003"))
    return problems
