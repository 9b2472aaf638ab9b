"""What the shop asks of a provider that keeps payment methods for its customers: five verbs beside those of Gateway.

A method is known by the provider's reference. The shop learns what a customer recognises it by, and no more: of a
card, brand, last four digits and expiry. Nothing here is called inside a database transaction.
"""

import dataclasses
import uuid
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from apps.payments.gateways.base import GatewayError

METHOD_UNKNOWN = "payment_method_unknown"
NO_WALLET = "provider_keeps_no_methods"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """The provider awaits a new method, given on its own page. The client goes on there with the secret."""

    reference: str
    client_secret: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedMethod:
    """A method as the provider keeps it. `kind` is the provider's word ("card", "us_bank_account"); what a kind does
    not have is empty or None. `last4` is at most four characters."""

    reference: str
    kind: str
    brand: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None


class Wallet(Protocol):
    """What one provider keeps for its customers. Each verb raises GatewayError and no other error."""

    def create_customer(self, *, user_id: uuid.UUID, email: str) -> str:
        """Return the provider's name for the account. Asked again for it, the provider should give the same one."""
        ...

    def open_setup(self, *, customer_reference: str, key: str) -> SetupResult:
        """Let the customer add a method on the provider's page. `key` is the provider's idempotency key."""
        ...

    def save(self, *, customer_reference: str, token: str) -> SavedMethod:
        """Keep the method that `token` names for the customer; one that is kept for them already stays as it is.

        The method's reference may be another than the token. Raises GatewayError, permanent, with METHOD_UNKNOWN when
        there is no such method or it is another customer's.
        """
        ...

    def forget(self, *, reference: str) -> None:
        """Keep the method no longer. One that is not kept (any more) is no error."""
        ...

    def list_saved(self, *, customer_reference: str) -> tuple[SavedMethod, ...]:
        """Return all that is kept for the customer. Raises GatewayError, permanent, if the provider has no list."""
        ...


def find_wallet(provider: str) -> Wallet | None:
    """Return the wallet of a provider that keeps payment methods, else None: settings.PAYMENT_WALLETS names it."""
    path = settings.PAYMENT_WALLETS.get(provider)
    return _load(path) if path else None


def wallet_of(provider: str) -> Wallet:
    """Return the wallet of a provider. Raises GatewayError (permanent, NO_WALLET) if it keeps no methods."""
    wallet = find_wallet(provider)
    if wallet is None:
        raise GatewayError(NO_WALLET, permanent=True)
    return wallet


@cache
def _load(path: str) -> Wallet:
    wallet: Wallet = import_string(path)()
    return wallet
