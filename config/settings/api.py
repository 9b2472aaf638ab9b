"""Settings of the API: DRF, pages, throttles, sizes, OpenAPI. Part of `base`."""

from config import env
from config.settings import environment  # noqa: F401  # the .env file comes first

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.accounts.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": ["core.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["core.api.throttles.ScopedThrottle"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ShopSchema",
    "DEFAULT_PAGINATION_CLASS": None,
    "EXCEPTION_HANDLER": "core.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
}
PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
# /api/v1/ is frozen: from the day its successor is stable these two dates (ISO) can be announced in its answers.
V1_DEPRECATED_ON = env.day("V1_DEPRECATED_ON")
V1_SUNSET_ON = env.day("V1_SUNSET_ON")
THROTTLE_ENABLED = env.flag("THROTTLE_ENABLED", default=True)
THROTTLE_RATES = {
    "default": env.text("THROTTLE_DEFAULT", "600/minute"),
    "login": env.text("THROTTLE_LOGIN", "10/minute"),
    "login_by_strangers": env.text("THROTTLE_LOGIN_BY_STRANGERS", "100/day"),
    "link_mail": env.text("THROTTLE_LINK_MAIL", "10/hour"),  # one-time links sent to one address
    "register": env.text("THROTTLE_REGISTER", "20/minute"),
    "refresh": env.text("THROTTLE_REFRESH", "60/minute"),
    "cart_add": env.text("THROTTLE_CART_ADD", "120/minute"),
    "checkout": env.text("THROTTLE_CHECKOUT", "30/minute"),
    "webhook": env.text("THROTTLE_WEBHOOK", "6000/minute"),
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024 + 65_536
API_BODY_MAX_BYTES = 1024 * 1024
UPLOAD_MAX_BYTES = 10 * 1024 * 1024
IMAGE_MAX_PIXELS = 40_000_000
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop engine API",
    "DESCRIPTION": "Browse, fill a cart, check out, pay and follow an order.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.api.schema.add_problem_answers",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EscalationKindEnum": "apps.support.states.EscalationKind",
        "EscalationStatusEnum": "apps.support.states.EscalationStatus",
        "OrderStatusEnum": "apps.orders.states.OrderStatus",
        "PaymentStateEnum": "apps.payments.states.PaymentState",
        "WebhookStateEnum": "apps.webhooks.states.WebhookState",
    },
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "displayRequestDuration": True,
        "layout": "StandaloneLayout",
        "urls": [{"url": f"/api/schema/?version={version}", "name": version} for version in ("v1", "v2")],
    },
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]",
}
