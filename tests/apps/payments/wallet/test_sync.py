"""What happens to saved methods at the provider happens to the shop's rows."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.payments.errors import ProviderUnavailable
from apps.payments.events import SavedMethodsChanged
from apps.payments.gateways.base import GatewayError
from apps.payments.models import PaymentMethod, ProviderCustomer
from apps.payments.services.wallet import delete_method, save_method
from apps.payments.services.wallet_sync import ASKED_AT_MOST, sync_saved_methods
from core.events.publishing import publish
from core.events.worker import deliver_all_due
from core.transactions import atomic
from tests.apps.payments.wallet.played import PlayedWallet, methods_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def name(provider: PlayedWallet, customer: User) -> str:
    """The customer has two methods, both here and there; this is what the provider calls them."""
    for token in ("visa_4242", "amex_8431"):
        save_method(user=customer, provider="simulated", token=token)
    return f"cus_{customer.pk.hex}"


def sync(name: str) -> None:
    sync_saved_methods(provider="simulated", customer_reference=name)


def test_the_rows_become_what_the_provider_lists(provider: PlayedWallet, customer: User, name: str) -> None:
    provider.take(name, "pm_visa_4242")
    provider.put(name, "pm_amex_8431", exp_year=2039)
    provider.put(name, "pm_jcb_0505")
    for _ in range(2):
        sync(name)
        assert sorted(methods_of(customer)) == [
            ("pm_amex_8431", "8431", 2039, False),
            ("pm_jcb_0505", "0505", 2034, True),
        ]


def test_what_did_not_change_is_not_written(provider: PlayedWallet, customer: User, name: str) -> None:
    before = list(PaymentMethod.objects.order_by("pk").values())
    sync(name)
    assert list(PaymentMethod.objects.order_by("pk").values()) == before


def test_a_default_stays_while_it_is_kept(provider: PlayedWallet, customer: User, name: str) -> None:
    provider.put(name, "pm_jcb_0505")
    sync(name)
    assert [row[3] for row in methods_of(customer)] == [True, False, False]


def test_when_all_is_gone_nothing_is_left(provider: PlayedWallet, customer: User, name: str) -> None:
    other = make_user()
    save_method(user=other, provider="simulated", token="jcb_0505")
    provider.kept[name].clear()
    sync(name)
    assert (methods_of(customer), len(methods_of(other))) == ([], 1)


def test_a_customer_nobody_knows_is_nobodys(provider: PlayedWallet, customer: User, name: str) -> None:
    sync("cus_unknown")
    assert "list_saved" not in provider.calls
    assert len(methods_of(customer)) == 2


def test_methods_of_another_account_are_not_taken_over(provider: PlayedWallet, customer: User, name: str) -> None:
    save_method(user=(other := make_user()), provider="simulated", token="jcb_0505")
    provider.put(name, "pm_jcb_0505")
    sync(name)
    assert len(methods_of(customer)) == 2
    assert methods_of(other) == [("pm_jcb_0505", "0505", 2034, True)]


def test_a_provider_that_is_away_is_asked_again_later(provider: PlayedWallet, customer: User, name: str) -> None:
    provider.kept[name].clear()
    provider.failure = GatewayError("timeout", permanent=False)
    with pytest.raises(ProviderUnavailable):
        sync(name)
    assert len(methods_of(customer)) == 2


def test_a_provider_without_a_list_changes_nothing(provider: PlayedWallet, customer: User, name: str) -> None:
    provider.kept[name].clear()
    provider.failure = GatewayError("no_list", permanent=True)
    sync(name)
    assert len(methods_of(customer)) == 2


def test_an_answer_overtaken_by_a_deletion_does_not_bring_the_method_back(
    provider: PlayedWallet, customer: User, name: str
) -> None:
    visa = PaymentMethod.objects.get(last4="4242")
    provider.while_asked = lambda: delete_method(user=customer, method_id=visa.pk)
    sync(name)
    assert methods_of(customer) == [("pm_amex_8431", "8431", 2034, True)]
    assert provider.calls.count("list_saved") == 2


def test_an_answer_overtaken_by_a_new_method_does_not_take_it_away(
    provider: PlayedWallet, customer: User, name: str
) -> None:
    def save_another() -> None:
        save_method(user=customer, provider="simulated", token="jcb_0505")

    provider.while_asked = save_another
    sync(name)
    assert [row[0] for row in methods_of(customer)] == ["pm_visa_4242", "pm_amex_8431", "pm_jcb_0505"]


def test_without_that_guard_a_deleted_method_comes_back_control(
    provider: PlayedWallet, customer: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.payments.services.wallet.mark_changed", lambda **_: None)
    visa = PaymentMethod.objects.get(last4="4242")
    provider.while_asked = lambda: delete_method(user=customer, method_id=visa.pk)
    sync(name)
    assert "pm_visa_4242" in {row[0] for row in methods_of(customer)}


def test_methods_that_change_all_the_time_are_left_for_later(provider: PlayedWallet, customer: User, name: str) -> None:
    def change() -> None:
        ProviderCustomer.objects.get().save()
        provider.while_asked = change

    provider.while_asked = change
    with pytest.raises(ProviderUnavailable):
        sync(name)
    assert provider.calls.count("list_saved") == ASKED_AT_MOST


def test_news_of_the_provider_reach_the_rows(provider: PlayedWallet, customer: User, name: str, client: Client) -> None:
    provider.take(name, "pm_visa_4242")
    with atomic():
        publish(SavedMethodsChanged(provider="simulated", customer_reference=name))
    deliver_all_due()
    assert methods_of(customer) == [("pm_amex_8431", "8431", 2034, True)]
