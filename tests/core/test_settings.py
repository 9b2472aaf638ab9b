"""Settings fail loudly: a wrong or unsafe value stops the start and is named."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from config import env
from core.api.middleware import deprecation_headers

SAFE = {
    "SECRET_KEY": "k" * 60,
    "ALLOWED_HOSTS": "shop.example.com",
    "DATABASE_URL": "postgres://shop@127.0.0.1/shop",
    "PUBLIC_URL": "https://shop.example.com",
    "ENVIRONMENT": "production",
}


def start_in_production(**changes: str) -> subprocess.CompletedProcess[str]:
    """Import the production settings in a process of its own."""
    variables = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **SAFE, **changes}
    code = "import config.settings.production as s; print(s.SECURE_HSTS_SECONDS, s.SESSION_COOKIE_SECURE)"
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)


def test_production_starts_with_safe_settings_and_safe_defaults() -> None:
    done = start_in_production()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["31536000", "True"]


@pytest.mark.parametrize(
    ("settings_module", "host", "way"),
    [("local", "", "filebased"), ("local", "smtp.example.com", "smtp"), ("production", "", "smtp")],
)
def test_mails_are_sent_where_a_mail_server_is_named(settings_module: str, host: str, way: str) -> None:
    variables = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **SAFE, "EMAIL_HOST": host}
    code = f"import config.settings.{settings_module} as s; print(s.EMAIL_BACKEND, s.EMAIL_HOST)"
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)
    assert done.stdout.split() == [f"django.core.mail.backends.{way}.EmailBackend", host or "localhost"], done.stderr


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"ORDER_EXPIRY_MINUTES": "soon"}, "ORDER_EXPIRY_MINUTES"),
        ({"ORDER_EXPIRY_MINUTES": "0"}, "ORDER_EXPIRY_MINUTES"),
        ({"REDIS_URL": "http://127.0.0.1"}, "REDIS_URL"),
        ({"CART_STORE": "memory"}, "CART_STORE"),
        ({"CORS_ALLOWED_ORIGINS": "shop.example.com"}, "CORS_ALLOWED_ORIGINS"),
        ({"V1_SUNSET_ON": "soon"}, "V1_SUNSET_ON"),
        ({"KAFKA_TIMEOUT_SECONDS": "46"}, "KAFKA_TIMEOUT_SECONDS=46 is above 45"),
        ({"KAFKA_TIMEOUT_SECONDS": "0"}, "KAFKA_TIMEOUT_SECONDS=0 is below 1"),
    ],
)
def test_production_refuses_to_start_and_names_the_setting(change: dict[str, str], named: str) -> None:
    done = start_in_production(**change)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured")
    assert named in last


def test_every_module_of_settings_hears_the_env_file(tmp_path: Path) -> None:
    """Each line below is read by another module; one that is imported before the file is read would miss its line."""
    lines = [
        "SHOP_NAME=Corner Shop",
        "THROTTLE_LOGIN=3/day",
        "STRIPE_PUBLIC_KEY=pk_test_file",
        "SECRET_KEY=" + "k" * 60,
    ]
    env_file = tmp_path / "env"
    env_file.write_text("\n".join(lines))
    code = (
        "import config.settings.local as s; print(s.SHOP_NAME, s.THROTTLE_RATES['login'], s.STRIPE_PUBLIC_KEY, sep='|')"
    )
    variables = {"PATH": os.environ["PATH"], "ENV_FILE": str(env_file)}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("Corner Shop|3/day|pk_test_file", 0), done.stderr


def test_numbers_and_dates_are_read_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AN_AMOUNT", "NaN")
    monkeypatch.setenv("A_DAY", "2027-12-31")
    with pytest.raises(ImproperlyConfigured):
        env.decimal("AN_AMOUNT", "0")
    assert env.day("A_DAY") == dt.date(2027, 12, 31)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"THROTTLE_RATES": {"login": "often"}}, "core.E001"),
        ({"V1_SUNSET_ON": dt.date(2027, 1, 1)}, "core.E002"),
        ({"SECURE_SSL_REDIRECT": True, "PUBLIC_URL": "http://shop.example.com"}, "core.E003"),
        ({"ENVIRONMENT": "production", "REDIS_URL": ""}, "core.W003"),
        ({"CART_STORE": "redis", "REDIS_URL": ""}, "cart.E002"),
        ({"STORE_CURRENCY": "DOLLARS"}, "pricing.E001"),
        ({"PAYMENT_PROVIDERS": ["nobody"]}, "payments.E001"),
    ],
)
def test_contradictions_are_found(settings: LazySettings, changes: dict[str, object], expected: str) -> None:
    assert expected not in {message.id for message in run_checks()}
    for name, value in changes.items():
        setattr(settings, name, value)
    assert expected in {message.id for message in run_checks()}


def test_a_deprecated_version_says_so() -> None:
    headers = deprecation_headers(dt.date(2027, 1, 1), dt.date(2027, 12, 31))
    assert headers["Deprecation"] == "@1798761600"
    assert headers["Sunset"] == "Fri, 31 Dec 2027 23:59:59 GMT"


@pytest.mark.django_db
def test_only_v1_is_announced_as_deprecated(client, settings: LazySettings) -> None:  # type: ignore[no-untyped-def]
    settings.V1_DEPRECATED_ON = dt.date(2027, 1, 1)
    assert client.get("/api/v1/products/")["Deprecation"] == "@1798761600"
    assert "Deprecation" not in client.get("/api/products/")
