"""Makes the saved methods of an account what the provider says they are."""

import logging
from collections.abc import Mapping, Sequence

from apps.accounts.locks import lock_user
from apps.payments.errors import ProviderUnavailable
from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.wallets import SavedMethod, wallet_of
from apps.payments.models import PaymentMethod, ProviderCustomer
from apps.payments.services.wallet_rows import ensure_default, update_method
from core import clock
from core.transactions import atomic

ASKED_AT_MOST = 3
logger = logging.getLogger("shop.payments")


def sync_saved_methods(*, provider: str, customer_reference: str) -> None:
    """The rows of the customer's account are what the provider lists: added, removed, described anew.

    An unknown customer and a provider without a list change nothing. An answer that was overtaken by a change made
    here is thrown away and asked for again. Locks the account, never while the provider is asked. Raises
    ProviderUnavailable: to be tried again later.
    """
    for _ in range(ASKED_AT_MOST):
        customer = ProviderCustomer.objects.filter(provider=provider, reference=customer_reference).first()
        kept = _ask(customer) if customer else None
        if customer is None or kept is None:
            return
        if _write(customer, {method.reference: method for method in kept}):
            return
    raise ProviderUnavailable("The methods change faster than they can be read.")


def _ask(customer: ProviderCustomer) -> Sequence[SavedMethod] | None:
    """Return what the provider keeps for the customer, None if it will not tell."""
    try:
        return wallet_of(customer.provider).list_saved(customer_reference=customer.reference)
    except GatewayError as error:
        if not error.permanent:
            raise ProviderUnavailable from error
        logger.warning("no list of saved methods", extra={"provider": customer.provider, "code": error.code})
        return None


def _write(customer: ProviderCustomer, kept: Mapping[str, SavedMethod]) -> bool:
    """Write the provider's answer. False if something changed here since it was asked for."""
    with atomic():
        lock_user(customer.user_id)
        unchanged = ProviderCustomer.objects.filter(pk=customer.pk, updated_at=customer.updated_at)
        if not unchanged.update(updated_at=clock.now()):
            return False
        of_user = PaymentMethod.objects.filter(user_id=customer.user_id, provider=customer.provider)
        rows = {method.reference: method for method in of_user}
        of_user.exclude(reference__in=kept).delete()
        foreign = _saved_by_others(customer, kept)
        for reference, method in kept.items():
            if reference not in foreign:
                update_method(rows.get(reference) or _new(customer, reference), method)
        ensure_default(customer.user_id)
    return True


def _saved_by_others(customer: ProviderCustomer, kept: Mapping[str, SavedMethod]) -> set[str]:
    """Return which of the methods other accounts hold: a provider that tells so is wrong, and nothing is taken over."""
    others = PaymentMethod.objects.filter(provider=customer.provider, reference__in=kept)
    found = set(others.exclude(user_id=customer.user_id).values_list("reference", flat=True))
    if found:
        logger.error("the provider lists methods of another account", extra={"provider": customer.provider})
    return found


def _new(customer: ProviderCustomer, reference: str) -> PaymentMethod:
    return PaymentMethod(user_id=customer.user_id, provider=customer.provider, reference=reference)
