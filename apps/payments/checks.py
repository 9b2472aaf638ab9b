"""System checks: a provider that is named but cannot be used stops the start, not a customer.

No check tells a key or a password: what it writes may be logged.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

_VERBS = ("start", "capture", "cancel", "refund", "read_webhook", "reread_webhook", "fetch", "missed_messages")


@register("payments")
def check_gateways(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Every adapter of PAYMENT_GATEWAYS imports and has the eight verbs; every offered provider has an adapter."""
    found: list[CheckMessage] = []
    for name, path in settings.PAYMENT_GATEWAYS.items():
        found.extend(_check_gateway(name, path))
    for name in settings.PAYMENT_PROVIDERS:
        if name not in settings.PAYMENT_GATEWAYS:
            found.append(Error(f"PAYMENT_PROVIDERS names {name!r}, PAYMENT_GATEWAYS does not.", id="payments.E001"))
    return found


@register("payments", deploy=True)
def check_no_play_money(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Nobody buys real goods with the simulated provider by oversight."""
    if "simulated" not in settings.PAYMENT_PROVIDERS:
        return []
    hint = "Take it out of PAYMENT_PROVIDERS."
    return [Warning("The simulated provider is offered: its payments bring no money.", hint=hint, id="payments.W001")]


@register("payments")
def check_stripe(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Stripe, if offered, has keys of the right kind that belong together, and a secret that proves its webhooks."""
    if "stripe" not in settings.PAYMENT_PROVIDERS:
        return []
    secret, public = settings.STRIPE_SECRET_KEY, settings.STRIPE_PUBLIC_KEY
    found: list[CheckMessage] = []
    if not secret.startswith(("sk_", "rk_")):
        found.append(Error("Stripe is offered, and STRIPE_SECRET_KEY is not a secret key.", id="payments.E004"))
    if public and (not public.startswith("pk_") or _mode(public) != _mode(secret)):
        text = "STRIPE_PUBLIC_KEY is not the public key of STRIPE_SECRET_KEY's account and mode."
        found.append(Error(text, id="payments.E005"))
    if settings.STRIPE_API_URL and not _is_address(settings.STRIPE_API_URL):
        found.append(Error("STRIPE_API_URL is not an http or https address.", id="payments.E006"))
    if not public:
        found.append(Warning("Without STRIPE_PUBLIC_KEY no shop front can show Stripe's form.", id="payments.W002"))
    if not settings.STRIPE_WEBHOOK_SECRETS:
        text = "Without STRIPE_WEBHOOK_SECRET every message of Stripe is refused: money is found only by asking."
        found.append(Warning(text, id="payments.W003"))
    return found


@register("payments")
def check_sslcommerz(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """SSLCommerz, if offered, knows the store."""
    if "sslcommerz" not in settings.PAYMENT_PROVIDERS:
        return []
    found: list[CheckMessage] = []
    if not (settings.SSLCOMMERZ_STORE_ID and settings.SSLCOMMERZ_STORE_PASSWORD):
        text = "SSLCommerz is offered without SSLCOMMERZ_STORE_ID and SSLCOMMERZ_STORE_PASSWORD."
        found.append(Error(text, id="payments.E007"))
    if settings.SSLCOMMERZ_API_URL and not _is_address(settings.SSLCOMMERZ_API_URL):
        found.append(Error("SSLCOMMERZ_API_URL is not an http or https address.", id="payments.E008"))
    return found


@register("payments", deploy=True)
def check_real_money(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A shop that is put on the internet is told which of its providers only play."""
    found: list[CheckMessage] = []
    if "stripe" in settings.PAYMENT_PROVIDERS and (
        _mode(settings.STRIPE_SECRET_KEY) == "test" or settings.STRIPE_API_URL
    ):
        found.append(Warning("Stripe is offered with a test key or a stand-in.", id="payments.W004"))
    if "sslcommerz" in settings.PAYMENT_PROVIDERS and (settings.SSLCOMMERZ_SANDBOX or settings.SSLCOMMERZ_API_URL):
        found.append(Warning("SSLCommerz is offered with its sandbox or a stand-in.", id="payments.W005"))
    return found


def _mode(key: str) -> str:
    """Return live or test, "" for a key that does not tell."""
    return next((mode for mode in ("live", "test") if key[2:].startswith(f"_{mode}_")), "")


def _is_address(text: str) -> bool:
    try:
        parsed = urlsplit(text)
        return parsed.scheme in {"http", "https"} and bool(parsed.hostname) and parsed.username is None
    except ValueError:
        return False


def _check_gateway(name: str, path: str) -> list[CheckMessage]:
    try:
        gateway = import_string(path)
    except ImportError as error:
        return [Error(f"PAYMENT_GATEWAYS[{name!r}] does not import: {error}", id="payments.E002")]
    missing = [verb for verb in _VERBS if not callable(getattr(gateway, verb, None))]
    if missing or getattr(gateway, "name", None) != name:
        return [Error(f"{path} is not the gateway {name!r} (missing: {', '.join(missing)})", id="payments.E003")]
    return []
