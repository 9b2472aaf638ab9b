"""Settings shared by all environments, read from the environment variables of docs/settings.md."""

from datetime import timedelta
from typing import Any

import django_stubs_ext
from django.urls import reverse_lazy

from config import env
from config.settings import environment
from config.settings.api import *  # noqa: F403
from config.settings.broker import *  # noqa: F403
from config.settings.feeds import *  # noqa: F403
from config.settings.live import *  # noqa: F403
from config.settings.mails import *  # noqa: F403
from config.settings.payments import *  # noqa: F403
from config.settings.storage import *  # noqa: F403

django_stubs_ext.monkeypatch()

BASE_DIR = environment.BASE_DIR
ENVIRONMENT = env.choice("ENVIRONMENT", "local", ("local", "test", "production"))
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
RUNTIME_DIR = environment.RUNTIME_DIR
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000")
STOREFRONT_URL = env.text("STOREFRONT_URL", PUBLIC_URL)  # where customers are sent back to from a payment page
LOGIN_REDIRECT_URL = "/admin/"  # the only place where one signs in by a page
REQUESTS_AT_ONCE = env.integer("REQUESTS_AT_ONCE", 0)  # of one server process; others wait a moment; 0: no limit
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0)  # how many proxies in front append to X-Forwarded-For

# --- Apps -----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "apps.accounts",
    "apps.products",
    "apps.inventory",
    "apps.shipping",
    "apps.pricing",
    "apps.cart",
    "apps.orders",
    "apps.support",
    "apps.payments",
    "apps.invoices",
    "apps.webhooks",
    "apps.notifications",
    "apps.live",
]

# Every middleware is paid on every request, so there are few; the back office's own run for its paths only.
MIDDLEWARE = [
    "core.api.middleware.RequestMiddleware",
    "core.api.cached_views.AnswersFromMemory",
    "core.api.waiting_room.WaitingRoom",
    "django.middleware.gzip.GZipMiddleware",
    "core.api.middleware.ContentMiddleware",
    "core.api.backoffice.SessionMiddleware",
    "core.api.backoffice.CsrfViewMiddleware",
    "core.api.backoffice.AuthenticationMiddleware",
    "core.api.backoffice.MessageMiddleware",
]
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_EXPOSE_HEADERS = [
    "ETag", "Location", "Link", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID", "X-Cart-Token",
    "Idempotent-Replayed", "Content-Disposition", "Deprecation", "Sunset",
]  # fmt: skip
CORS_ALLOW_HEADERS = [
    "accept", "authorization", "content-type", "if-match", "if-none-match", "idempotency-key", "x-cart-token",
    "x-order-token", "x-request-id",
]  # fmt: skip
if CORS_ALLOWED_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(1, "corsheaders.middleware.CorsMiddleware")

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Data -----------------------------------------------------------------------------------------
DATABASE_URL_DEFAULT = f"sqlite:///{RUNTIME_DIR / 'shop.sqlite3'}"


def _database() -> dict[str, Any]:
    config = env.database("DATABASE_URL", DATABASE_URL_DEFAULT)
    options: dict[str, Any] = dict(config.get("OPTIONS", {}))
    if config["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: a transaction takes the write lock at its start, so that two of them queue instead of failing.
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
        }
        return config | {"OPTIONS": options, "CONN_MAX_AGE": None}
    timeouts = (
        f"-c statement_timeout={env.integer('DATABASE_STATEMENT_TIMEOUT_MS', 10_000)} "
        # Half of the three seconds somebody may wait for a row: PostgreSQL counts anew when the second in the queue
        # becomes the first.
        f"-c lock_timeout={env.integer('DATABASE_LOCK_TIMEOUT_MS', 1_500)} "
        "-c idle_in_transaction_session_timeout=30000"
    )
    options.setdefault("options", timeouts)
    options.setdefault("connect_timeout", 3)
    options.setdefault("application_name", "shop")
    if env.flag("DATABASE_PREPARED_STATEMENTS", default=True):
        # PostgreSQL keeps the plan of what is asked often: a fifth off the time of a request that writes.
        options |= {"server_side_binding": True, "prepare_threshold": 3}
    return config | {
        "OPTIONS": options,
        "CONN_MAX_AGE": env.integer("CONN_MAX_AGE", 600),
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.service_url("REDIS_URL", ("redis", "rediss", "unix"))
CART_STORE = env.choice("CART_STORE", "database", ("database", "redis"))
CART_DAYS = env.integer("CART_DAYS", 30, minimum=1)
CART_MAX_LINES = env.integer("CART_MAX_LINES", 500, minimum=1)
CART_MAX_QUANTITY = env.integer("CART_MAX_QUANTITY", 1_000, minimum=1)
CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}
CATALOGUE_CACHE_SECONDS = env.integer("CATALOGUE_CACHE_SECONDS", 5)
CATALOGUE_CACHE_ENTRIES = env.integer("CATALOGUE_CACHE_ENTRIES", 5_000)

# --- The shop -------------------------------------------------------------------------------------
SHOP_NAME = env.text("SHOP_NAME", "Demo Shop")
STORE_CURRENCY = env.text("STORE_CURRENCY", "USD").upper()
STORE_COUNTRY = env.text("STORE_COUNTRY", "US").upper()  # where a one-line address is taken to be
PRICES_INCLUDE_TAX = env.flag("PRICES_INCLUDE_TAX", default=False)
ORDER_EXPIRY_MINUTES = env.integer("ORDER_EXPIRY_MINUTES", 30, minimum=1)
LOW_STOCK_THRESHOLD = env.integer("LOW_STOCK_THRESHOLD", 5)
OUTBOX_KEEP_DAYS = env.integer("OUTBOX_KEEP_DAYS", 30, minimum=1)
IDEMPOTENCY_HOURS = env.integer("IDEMPOTENCY_HOURS", 24, minimum=1)
IDEMPOTENCY_LEASE_SECONDS = env.integer("IDEMPOTENCY_LEASE_SECONDS", 60, minimum=1)
INVOICE_ISSUER = env.text("INVOICE_ISSUER", SHOP_NAME)
INVOICE_ISSUER_ADDRESS = env.text("INVOICE_ISSUER_ADDRESS", "1 Market Street, Springfield")
INVOICE_ISSUER_TAX_ID = env.text("INVOICE_ISSUER_TAX_ID")

# --- Accounts -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
PASSWORD_MAX_LENGTH = 128
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": env.integer("PASSWORD_MIN_LENGTH", 8, minimum=8)},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.integer("ACCESS_TOKEN_MINUTES", 10, minimum=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.integer("REFRESH_TOKEN_DAYS", 7, minimum=1)),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": env.text("JWT_SIGNING_KEY") or SECRET_KEY,
    "ISSUER": "shop-engine",
    "AUDIENCE": "shop-api",
    "USER_ID_CLAIM": "sub",
}
REFRESH_REUSE_GRACE_SECONDS = env.integer("REFRESH_REUSE_GRACE_SECONDS", 10)

# --- Language, time, files ------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("bn", "Bengali"),
    ("ar", "Arabic"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = RUNTIME_DIR / "static"

EMAIL_FILE_PATH = env.text("EMAIL_FILE_PATH", str(RUNTIME_DIR / "mail"))

# --- Security -------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 0)
SESSION_COOKIE_SECURE = env.flag("SESSION_COOKIE_SECURE", default=False)
CSRF_COOKIE_SECURE = env.flag("CSRF_COOKIE_SECURE", default=False)
SESSION_COOKIE_AGE = 24 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
X_FRAME_OPTIONS = "DENY"
APPEND_SLASH = False

# --- Logs -----------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
ACCESS_LOG = env.flag("ACCESS_LOG", default=True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "core.logs.ContextFilter"}},
    "formatters": {"json": {"()": "core.logs.JsonFormatter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["context"]},
        "null": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "shop.access": {
            "handlers": ["console" if ACCESS_LOG else "null"],
            "level": "INFO",
            "propagate": False,
        },
        "fontTools": {"level": "WARNING"},
        "fpdf": {"level": "WARNING"},
        # They write every request's address, and so the password that SSLCommerz wants in it.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}

# --- Back office ----------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": SHOP_NAME,
    "SITE_HEADER": f"{SHOP_NAME} back office",
    "SHOW_VIEW_ON_SITE": False,
    "SITE_DROPDOWN": [
        {
            "title": "Background work",
            "icon": "conveyor_belt",
            "link": reverse_lazy("admin:core_outboxdelivery_background"),
        }
    ],
}
