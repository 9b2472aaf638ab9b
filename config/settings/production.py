"""Many machines, real customers: refuses to start with a setting that is unsafe there."""

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.settings.base import *  # noqa: F403
from config.settings.base import ALLOWED_HOSTS, DEBUG, SECRET_KEY

KEY_MINIMUM_LENGTH = 50


def _refuse_unsafe_settings() -> None:
    if len(SECRET_KEY) < KEY_MINIMUM_LENGTH:
        raise ImproperlyConfigured(f"SECRET_KEY must have at least {KEY_MINIMUM_LENGTH} characters in production.")
    if DEBUG:
        raise ImproperlyConfigured("DEBUG must be false in production.")
    if not env.text("ALLOWED_HOSTS") or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts of the shop in production, without '*'.")
    if not env.text("DATABASE_URL"):
        raise ImproperlyConfigured("DATABASE_URL must be set in production.")


_refuse_unsafe_settings()

SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.integer("TRUSTED_PROXIES", 0) else None
SESSION_COOKIE_SECURE = env.flag("SESSION_COOKIE_SECURE", default=True)
CSRF_COOKIE_SECURE = env.flag("CSRF_COOKIE_SECURE", default=True)
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
