"""Saved payment methods: the provider keeps them, the shop remembers what a customer recognises them by.

The provider is always asked outside of any transaction, and is the truth: what it was told before a crash is told again
harmlessly, and its webhooks bring what the shop missed. Rows are written under the lock of their account.
"""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from django.db.models import Q

from apps.accounts.locks import lock_user
from apps.accounts.models import User
from apps.payments.errors import (
    PaymentMethodNotFound,
    ProviderKeepsNoMethods,
    ProviderNotOffered,
    ProviderRefused,
    TooManyPaymentMethods,
)
from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.registry import offered_providers
from apps.payments.gateways.wallets import METHOD_UNKNOWN, SavedMethod, SetupResult, Wallet, find_wallet, wallet_of
from apps.payments.models import PaymentMethod, ProviderCustomer
from apps.payments.selectors import (
    access_payment_method,
    customer_reference,
    list_payment_methods,
)
from apps.payments.services.attempts import failure_of
from apps.payments.services.wallet_rows import ensure_default, make_default, mark_changed, write_method
from core.errors import FieldError, ShopError
from core.ids import new_id
from core.transactions import atomic

METHODS_MAX = 20
FOREIGN_CUSTOMER = "customer_of_another_account"
logger = logging.getLogger("shop.payments")


def open_setup(*, user: User, provider: str, request_key: str = "") -> SetupResult:
    """The provider awaits a new method of the user's, given on its own page. Returns what the client needs for that.

    The provider knows the user afterwards. Raises ProviderNotOffered, ProviderKeepsNoMethods, TooManyPaymentMethods,
    ProviderRefused and ProviderUnavailable.
    """
    wallet = _wallet_of_offered(provider)
    _require_room(user)
    customer = _introduce(user, provider, wallet)
    with _asking():
        return wallet.open_setup(customer_reference=customer, key=f"setup-{request_key or new_id().hex}")


def save_method(*, user: User, provider: str, token: str, is_default: bool = False) -> PaymentMethod:
    """The provider keeps the method for the user, and the shop shows it. Returns it; a repeat returns the same row.

    The first one saved is the default, whatever was asked for. Locks the account. Raises PaymentMethodNotFound (no such
    method, or somebody else's), and as open_setup.
    """
    wallet = _wallet_of_offered(provider)
    _require_room(user, provider, token)
    customer = _introduce(user, provider, wallet)
    with _asking():
        kept = wallet.save(customer_reference=customer, token=token)
    try:
        return _remember(user, provider, kept, is_default)
    except IntegrityError as error:
        raise PaymentMethodNotFound from error  # it is another account's row


def delete_method(*, user: User, method_id: uuid.UUID) -> None:
    """The provider keeps the method no longer, and the shop has forgotten it. The newest other one takes its place as
    the default.

    Locks the account. Raises PaymentMethodNotFound, ProviderRefused and ProviderUnavailable (nothing changed here).
    """
    method = access_payment_method(user=user, method_id=method_id)
    with _asking():
        wallet_of(method.provider).forget(reference=method.reference)
    with atomic():
        lock_user(user.pk)
        mark_changed(user_id=user.pk, provider=method.provider)
        list_payment_methods(user=user).filter(pk=method_id).delete()
        ensure_default(user.pk)


def set_default(*, user: User, method_id: uuid.UUID) -> PaymentMethod:
    """The method is the user's one default. Returns it. Locks the account. Raises PaymentMethodNotFound."""
    with atomic():
        lock_user(user.pk)
        method = access_payment_method(user=user, method_id=method_id)
        make_default(method)
    return method


def resolve_method(*, user: User | None, provider: str, given: str) -> str:
    """Return the provider's name of the method to pay with: `given` is that name, or the id of an own saved method.

    One statement for an id, else none. Raises PaymentMethodNotFound for an id that is not the user's or is of another
    provider. Whether a name belongs to somebody else is asked when the order is locked (start_payment).
    """
    if not given:
        return ""
    method_id = _as_id(given)
    if method_id is None:
        return given
    method = access_payment_method(user=user, method_id=method_id) if user else None
    if method is None or method.provider != provider:
        raise PaymentMethodNotFound
    return method.reference


def _wallet_of_offered(provider: str) -> Wallet:
    if provider not in offered_providers():
        detail = f"One of {', '.join(offered_providers())} is expected."
        raise ProviderNotOffered(errors=(FieldError("provider", "provider_not_offered", detail),))
    wallet = find_wallet(provider)
    if wallet is None:
        detail = f"{provider} saves no payment methods."
        raise ProviderKeepsNoMethods(errors=(FieldError("provider", ProviderKeepsNoMethods.code, detail),))
    return wallet


def _remember(user: User, provider: str, kept: SavedMethod, is_default: bool) -> PaymentMethod:
    with atomic():
        lock_user(user.pk)
        mark_changed(user_id=user.pk, provider=provider)
        return write_method(user_id=user.pk, provider=provider, kept=kept, is_default=is_default)


def _require_room(user: User, provider: str = "", token: str = "") -> None:
    """Raise TooManyPaymentMethods, or PaymentMethodNotFound when another account has saved the token. One statement."""
    named = Q(provider=provider, reference=token)
    rows = PaymentMethod.objects.filter(Q(user=user) | named).order_by().values_list("user_id", "provider", "reference")
    found = set(rows)
    if any(owner != user.pk for owner, _, _ in found):
        raise PaymentMethodNotFound
    if len(found) >= METHODS_MAX and (user.pk, provider, token) not in found:
        raise TooManyPaymentMethods(f"At most {METHODS_MAX} payment methods can be saved.", limit=METHODS_MAX)


def _introduce(user: User, provider: str, wallet: Wallet) -> str:
    """Return what the provider calls the user, who is made known to it before if need be.

    Of two requests at once, the first one's answer counts for both. Raises ProviderRefused when the provider answers
    with a customer that is another account's.
    """
    known = customer_reference(user_id=user.pk, provider=provider)
    if known:
        return known
    with _asking():
        told = wallet.create_customer(user_id=user.pk, email=user.email)
    row = ProviderCustomer(user_id=user.pk, provider=provider, reference=told)
    ProviderCustomer.objects.bulk_create([row], ignore_conflicts=True)
    known = customer_reference(user_id=user.pk, provider=provider)
    if not known:
        logger.error("the provider answered with a foreign customer", extra={"provider": provider})
        raise ProviderRefused(provider_code=FOREIGN_CUSTOMER)
    return known


@contextmanager
def _asking() -> Iterator[None]:
    """Turn the provider's failures into the shop's refusals."""
    try:
        yield
    except GatewayError as error:
        raise _refusal_of(error) from error


def _refusal_of(error: GatewayError) -> ShopError:
    return PaymentMethodNotFound() if error.permanent and error.code == METHOD_UNKNOWN else failure_of(error)


def _as_id(given: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(given)
    except ValueError:
        return None
