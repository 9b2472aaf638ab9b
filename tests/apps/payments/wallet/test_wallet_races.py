"""Saved methods at once, on real connections: one customer, one default, one row, whoever comes first."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from apps.accounts.models import User
from apps.payments.models import PaymentMethod, ProviderCustomer
from apps.payments.services.wallet import delete_method, open_setup, save_method, set_default
from apps.payments.services.wallet_sync import sync_saved_methods
from tests.apps.payments.wallet.played import PlayedWallet, methods_of
from tests.concurrency.test_payment_races import at_once
from tests.factories import make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS = 10


def save(user: User, token: str, *, is_default: bool = False) -> PaymentMethod:
    return save_method(user=user, provider="simulated", token=token, is_default=is_default)


def choosing(user: User, rounds: int) -> Sequence[Callable[[], object]]:
    """Return as many wishes for each of the user's methods to be the default."""
    ids = PaymentMethod.objects.filter(user=user).values_list("pk", flat=True)
    return [partial(choose, user, pk) for _ in range(rounds) for pk in ids]


def choose(user: User, method_id: uuid.UUID) -> bool:
    return set_default(user=user, method_id=method_id).is_default


def everything_at_once(user: User, first: Sequence[PaymentMethod]) -> list[Callable[[], object]]:
    """Return tasks that delete three methods, choose three others, save three more and read the provider's list."""
    mark = user.pk.hex[-4:]
    news = partial(sync_saved_methods, provider="simulated", customer_reference=f"cus_{user.pk.hex}")
    return [
        *[partial(delete_method, user=user, method_id=method.pk) for method in first[:3]],
        *[partial(choose, user, method.pk) for method in first[3:]],
        *[partial(save, user, f"amex_{mark}{number:02}") for number in range(3)],
        *[news] * 6,
    ]


def test_many_saved_at_once_have_one_default_and_one_customer(provider: PlayedWallet) -> None:
    for _ in range(ROUNDS):
        user = make_user()
        tokens = [f"visa_{user.pk.hex[-4:]}{number:02}" for number in range(10)]
        at_once([partial(save, user, token, is_default=True) for token in tokens])
        assert len(methods_of(user)) == 10
        assert sum(row[3] for row in methods_of(user)) == 1
        assert ProviderCustomer.objects.filter(user=user).count() == 1


def test_one_token_saved_at_once_is_one_row(provider: PlayedWallet, customer: User) -> None:
    outcomes = at_once([lambda: str(save(customer, "visa_4242").pk)] * 24)
    assert list(outcomes.values()) == [24]
    assert methods_of(customer) == [("pm_visa_4242", "4242", 2034, True)]


def test_setups_at_once_make_one_customer(provider: PlayedWallet, customer: User) -> None:
    at_once([lambda: bool(open_setup(user=customer, provider="simulated"))] * 24)
    assert ProviderCustomer.objects.count() == 1


def test_whichever_is_chosen_at_once_one_is_the_default(provider: PlayedWallet, customer: User) -> None:
    for number in range(6):
        save(customer, f"visa_000{number}")
    assert at_once(choosing(customer, 20)) == Counter({"True": 120})
    assert sum(row[3] for row in methods_of(customer)) == 1


def test_without_the_accounts_lock_choosing_at_once_fails_control(
    provider: PlayedWallet, customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        save(customer, f"visa_000{number}")
    monkeypatch.setattr("apps.payments.services.wallet.lock_user", lambda _: None)
    rounds = (at_once(choosing(customer, 20)) for _ in range(ROUNDS))
    assert any(outcomes.keys() - {"True"} for outcomes in rounds)


def test_saving_deleting_choosing_and_news_at_once_leave_what_the_provider_keeps(provider: PlayedWallet) -> None:
    for _ in range(ROUNDS):
        user = make_user()
        first = [save(user, f"visa_{user.pk.hex[-4:]}{number:02}") for number in range(6)]
        name = f"cus_{user.pk.hex}"
        outcomes = at_once(everything_at_once(user, first))
        assert not outcomes.keys() & {"IntegrityError", "OperationalError", "DoesNotExist"}
        sync_saved_methods(provider="simulated", customer_reference=name)
        rows = methods_of(user)
        assert {row[0] for row in rows} == provider.kept[name].keys()
        assert (len(rows), sum(row[3] for row in rows)) == (6, 1)
