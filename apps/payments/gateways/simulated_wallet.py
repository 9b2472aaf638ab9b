"""The simulated provider's wallet: saves the magic tokens of docs/payments.md.

It keeps no state, like the gateway: the reference of a saved method says which token it stands for and, signed, whose
it is. So a method can be told from another customer's, and what a customer has saved cannot be listed.
"""

import hmac
import re
import uuid

from django.utils.crypto import salted_hmac

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.wallets import METHOD_UNKNOWN, SavedMethod, SetupResult

_SALT = "apps.payments.gateways.simulated_wallet"
_CUSTOMER = re.compile(r"cus_sim_[0-9a-f]{32}\Z", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,60}\Z", re.ASCII)
_CARDS = {
    "pm_sim_success": ("visa", "4242"),
    "pm_sim_declined": ("visa", "0002"),
    "pm_sim_requires_action": ("mastercard", "3220"),
    "pm_sim_settles_late": ("amex", "0005"),
    "pm_sim_settles_twice": ("discover", "1117"),
}
_MAGIC_PREFIX = "pm_sim_"
_ANY_CARD = ("visa", "4242")


class SimulatedWallet:
    """Every customer may save each token once."""

    def create_customer(self, *, user_id: uuid.UUID, email: str) -> str:
        """Return the account's name, always the same."""
        return f"cus_sim_{user_id.hex}"

    def open_setup(self, *, customer_reference: str, key: str) -> SetupResult:
        """Return a setup that waits for nobody: a token can be saved at once."""
        _require_customer(customer_reference)
        proof = _proof(customer_reference, key)
        return SetupResult(
            reference=f"seti_sim_{proof[:24]}", client_secret=f"seti_sim_{proof[:24]}_secret_{proof[24:]}"
        )

    def save(self, *, customer_reference: str, token: str) -> SavedMethod:
        """Return the card that the token stands for. Raises GatewayError for a misspelt token and another's method."""
        _require_customer(customer_reference)
        plain = token_behind(token, customer_reference=customer_reference)
        is_misspelt = plain is not None and plain.startswith(_MAGIC_PREFIX) and plain not in _CARDS
        if plain is None or is_misspelt:
            raise GatewayError(METHOD_UNKNOWN, permanent=True)
        brand, last4 = _CARDS.get(plain, _ANY_CARD)
        reference = f"{plain}.{_proof(customer_reference, plain)[:24]}"
        return SavedMethod(reference=reference, kind="card", brand=brand, last4=last4, exp_month=12, exp_year=2034)

    def forget(self, *, reference: str) -> None:
        """Do nothing: nothing was kept."""

    def list_saved(self, *, customer_reference: str) -> tuple[SavedMethod, ...]:
        """Raise GatewayError: there is no list."""
        raise GatewayError("no_list", permanent=True)


def token_behind(name: str, *, customer_reference: str) -> str | None:
    """Return the token that a payment method's name stands for: itself, or what this customer saved under the name.

    None when another customer saved it, or nobody.
    """
    token, dot, proof = name.partition(".")
    if not _TOKEN.match(token):
        return None
    is_theirs = hmac.compare_digest(proof.encode(), _proof(customer_reference, token)[:24].encode())
    return token if not dot or is_theirs else None


def _require_customer(reference: str) -> None:
    if not _CUSTOMER.match(reference):
        raise GatewayError("no_such_customer", permanent=True)


def _proof(customer_reference: str, text: str) -> str:
    return salted_hmac(_SALT, f"{customer_reference}\n{text}", algorithm="sha256").hexdigest()
