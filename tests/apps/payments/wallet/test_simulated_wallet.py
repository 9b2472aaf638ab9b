"""The simulated provider's wallet: the magic tokens, each once per customer."""

import uuid

import pytest

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.simulated import MAGIC_TOKENS
from apps.payments.gateways.simulated_wallet import SimulatedWallet, token_behind
from apps.payments.gateways.wallets import METHOD_UNKNOWN, find_wallet, wallet_of

ADA, BOB = uuid.UUID(int=1), uuid.UUID(int=2)
wallet = SimulatedWallet()
ada = wallet.create_customer(user_id=ADA, email="ada@example.com")
bob = wallet.create_customer(user_id=BOB, email="bob@example.com")


def test_an_account_is_always_the_same_customer() -> None:
    assert ada == "cus_sim_00000000000000000000000000000001" != bob
    assert wallet.create_customer(user_id=ADA, email="other@example.com") == ada


@pytest.mark.parametrize("token", [*MAGIC_TOKENS, "tok_of_a_storefront"])
def test_each_token_can_be_saved_and_stands_for_itself(token: str) -> None:
    saved = wallet.save(customer_reference=ada, token=token)
    assert wallet.save(customer_reference=ada, token=token) == saved
    assert wallet.save(customer_reference=ada, token=saved.reference) == saved
    assert token_behind(saved.reference, customer_reference=ada) == token
    assert (saved.kind, len(saved.last4), saved.exp_year) == ("card", 4, 2034)
    assert len(saved.reference) <= 100


def test_two_customers_save_two_methods_and_use_their_own() -> None:
    of_ada = wallet.save(customer_reference=ada, token="pm_sim_success").reference
    assert wallet.save(customer_reference=bob, token="pm_sim_success").reference != of_ada
    assert token_behind(of_ada, customer_reference=bob) is None
    assert token_behind(of_ada, customer_reference="") is None


@pytest.mark.parametrize("token", ["pm_sim_sucess", "pm_sim_success.forged", "", "a b", "ü", "x" * 61, "."])
def test_what_is_no_token_is_unknown(token: str) -> None:
    with pytest.raises(GatewayError) as error:
        wallet.save(customer_reference=ada, token=token)
    assert (error.value.code, error.value.permanent) == (METHOD_UNKNOWN, True)


def test_a_saved_method_of_another_customer_is_unknown() -> None:
    of_ada = wallet.save(customer_reference=ada, token="pm_sim_success").reference
    with pytest.raises(GatewayError) as error:
        wallet.save(customer_reference=bob, token=of_ada)
    assert error.value.code == METHOD_UNKNOWN


def test_a_customer_that_was_not_made_here_is_refused() -> None:
    for ask in (
        lambda: wallet.save(customer_reference="cus_1", token="pm_sim_success"),
        lambda: wallet.open_setup(customer_reference="cus_1", key="k"),
    ):
        with pytest.raises(GatewayError) as error:
            ask()
        assert (error.value.code, error.value.permanent) == ("no_such_customer", True)


def test_a_setup_is_the_same_for_the_same_key() -> None:
    first = wallet.open_setup(customer_reference=ada, key="k")
    assert wallet.open_setup(customer_reference=ada, key="k") == first
    assert wallet.open_setup(customer_reference=bob, key="k").reference != first.reference
    assert first.client_secret.startswith(f"{first.reference}_secret_")


def test_what_is_kept_cannot_be_listed_and_forgetting_is_no_error() -> None:
    wallet.forget(reference="pm_sim_success.gone")
    with pytest.raises(GatewayError) as error:
        wallet.list_saved(customer_reference=ada)
    assert (error.value.code, error.value.permanent) == ("no_list", True)


def test_the_settings_name_the_wallets() -> None:
    assert isinstance(find_wallet("simulated"), SimulatedWallet)
    assert find_wallet("cod") is None
    with pytest.raises(GatewayError) as error:
        wallet_of("cod")
    assert (error.value.code, error.value.permanent) == ("provider_keeps_no_methods", True)
