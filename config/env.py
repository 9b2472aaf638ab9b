"""Typed readers of environment variables that fail loudly: a wrong value stops the start and names the variable."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_env = environ.Env()
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def read_env_file(path: Path) -> None:
    """Load NAME=value lines; variables that are already set win."""
    if path.exists():
        environ.Env.read_env(path, overwrite=False)


def text(name: str, default: str = "") -> str:
    """Return the variable without surrounding blanks."""
    return str(_env.str(name, default=default)).strip()


def flag(name: str, *, default: bool) -> bool:
    """Return true/false (also 1/0, yes/no, on/off). Raises ImproperlyConfigured for anything else."""
    raw = text(name, str(default)).lower()
    if raw in _TRUE:
        return True
    if raw in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is not true or false")


def integer(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    """Return a whole number from `minimum` to `maximum`. Raises ImproperlyConfigured otherwise."""
    raw = text(name, str(default))
    try:
        number = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name}={number} is below {minimum}")
    if maximum is not None and number > maximum:
        raise ImproperlyConfigured(f"{name}={number} is above {maximum}")
    return number


def decimal(name: str, default: str) -> Decimal:
    """Return a decimal number. Raises ImproperlyConfigured otherwise."""
    raw = text(name, default)
    try:
        number = Decimal(raw)
    except InvalidOperation:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a decimal number") from None
    if not number.is_finite():
        raise ImproperlyConfigured(f"{name}={raw!r} is not a decimal number")
    return number


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words. Raises ImproperlyConfigured otherwise."""
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(allowed)}")
    return value


def day(name: str) -> dt.date | None:
    """Return a date written as 2027-12-31, or None when unset. Raises ImproperlyConfigured for anything else."""
    raw = text(name)
    try:
        return dt.date.fromisoformat(raw) if raw else None
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a date such as 2027-12-31") from None


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without blanks and empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def origins(name: str, default: str = "") -> list[str]:
    """Return a list of origins (scheme://host[:port]). Raises ImproperlyConfigured if one has a path or no scheme."""
    values = words(name, default)
    for value in values:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
            raise ImproperlyConfigured(f"{name}: {value!r} is not an origin such as https://shop.example.com")
    return values


def database(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings for a database URL (postgres://… or sqlite:///…). Raises ImproperlyConfigured."""
    url = text(name, default)
    try:
        config: dict[str, Any] = _env.db_url_config(url)
    except (ValueError, KeyError, TypeError) as error:
        raise ImproperlyConfigured(f"{name} is not a database URL: {error}") from None
    if config.get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
        raise ImproperlyConfigured(f"{name} must begin with postgres:// or sqlite:///")
    return config


def service_url(name: str, schemes: tuple[str, ...]) -> str:
    """Return a URL of one of the schemes, or an empty string when unset. Raises ImproperlyConfigured."""
    value = text(name)
    if value and urlsplit(value).scheme not in schemes:
        raise ImproperlyConfigured(f"{name} must begin with one of {', '.join(f'{scheme}://' for scheme in schemes)}")
    return value
