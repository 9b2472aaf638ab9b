"""How often a password may be tried (by network, by account in a minute, and by strangers in a day), and how often one
address may be sent a link."""

from django.http import HttpRequest

from apps.accounts.selectors import normalize_identifier
from core.api import throttles
from core.ids import hash_token

LOGIN_SCOPE = "login"
STRANGERS_SCOPE = "login_by_strangers"
LINK_SCOPE = "link_mail"


def admit_network(request: HttpRequest) -> None:
    """Count one attempt of the caller's network. Raises Throttled."""
    throttles.check(LOGIN_SCOPE, throttles.network_of(request))


def admit_attempt(key: str) -> None:
    """Count one attempt on an account before its password is looked at. Raises Throttled.

    `key` is `attempt_key()`: it ends in the address where the account has signed in from there before. Only attempts
    from elsewhere count against the day's limit, so that a thousand addresses do not try a thousand passwords each.
    """
    throttles.check(LOGIN_SCOPE, key)
    if key.count(":") == 1:
        throttles.check(STRANGERS_SCOPE, key)


def admit_link(kind: str, email: str) -> None:
    """Count one link of a kind sent to an address, whether it has an account or not. Raises Throttled."""
    throttles.check(LINK_SCOPE, f"{kind}:{hash_token(normalize_identifier(email))}")
