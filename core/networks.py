"""Where a caller is: its address as far as it can be trusted, and the network that limits are counted by."""

import ipaddress

from django.conf import settings


def trusted_address(*, forwarded_for: str, remote: str) -> str:
    """Return the caller's address: `remote`, who holds the connection, unless that is a proxy of ours.

    `forwarded_for` (X-Forwarded-For) is believed only for as many proxies as settings.TRUSTED_PROXIES counts, from the
    right.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies:
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        if len(hops) >= proxies:
            return hops[-proxies]
    return remote


def network_of_address(address: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 address its /64; "unknown" for anything else."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
