"""Which addresses webhooks may go to. Asked when one is saved, and by the guard again at each try."""

from django.conf import settings

from core.errors import FieldError, InvalidInput
from core.http_client import FetchFailed, check_address

_HTTPS_ONLY = "Only https addresses are sent to."


def check_endpoint_address(url: str) -> None:
    """Raise InvalidInput, naming `url`, unless webhooks may be sent there. Resolves the name: not in a transaction."""
    reason = _reason_against(url)
    if reason:
        raise InvalidInput(errors=(FieldError("url", "address_not_allowed", reason),))


def allowed_ports() -> frozenset[int]:
    """Return the ports that webhooks may go to."""
    return frozenset(int(port) for port in settings.WEBHOOK_ALLOWED_PORTS)


def _reason_against(url: str) -> str:
    if settings.WEBHOOK_REQUIRE_HTTPS and not url.lower().startswith("https://"):
        return _HTTPS_ONLY
    try:
        check_address(url, allowed_networks=settings.WEBHOOK_ALLOWED_NETWORKS, allowed_ports=allowed_ports())
    except FetchFailed as error:
        return f"The address is not sent to: {error.reason}."
    return ""
