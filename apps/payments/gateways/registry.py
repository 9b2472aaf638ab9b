"""Which provider is which adapter: settings.PAYMENT_GATEWAYS names the classes, PAYMENT_PROVIDERS those offered."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from apps.payments.gateways.base import Gateway, GatewayError


def find_gateway(provider: str) -> Gateway | None:
    """Return the adapter of a provider the shop knows, offered or not (old payments outlive an offer), else None."""
    path = settings.PAYMENT_GATEWAYS.get(provider)
    return _load(path) if path else None


def gateway_of(provider: str) -> Gateway:
    """Return the adapter of a payment's provider.

    Raises GatewayError, as for a provider that is away, when it has been taken out of PAYMENT_GATEWAYS.
    """
    gateway = find_gateway(provider)
    if gateway is None:
        raise GatewayError("provider_removed", permanent=False)
    return gateway


def offered_providers() -> tuple[str, ...]:
    """Return the names of the providers a customer may choose now."""
    return tuple(name for name in settings.PAYMENT_PROVIDERS if name in settings.PAYMENT_GATEWAYS)


def webhook_senders() -> tuple[Gateway, ...]:
    """Return the offered adapters whose providers send webhooks."""
    found = (find_gateway(name) for name in offered_providers())
    return tuple(gateway for gateway in found if gateway is not None and gateway.sends_webhooks)


@cache
def _load(path: str) -> Gateway:
    gateway: Gateway = import_string(path)()
    return gateway
