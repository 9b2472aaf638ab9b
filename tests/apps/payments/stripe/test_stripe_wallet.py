"""Cards that Stripe keeps for a customer: what the shop learns of them, and whose they are."""

import pytest

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.stripe_wallet import StripeWallet
from apps.payments.gateways.wallets import SavedMethod, wallet_of
from core.ids import new_id
from tests.apps.payments.stripe.provider import make_attempt, read, start, words
from tests.fakes.stripe_provider import StripeFake

WALLET = StripeWallet()


@pytest.fixture
def customer(fake: StripeFake) -> str:
    return WALLET.create_customer(user_id=new_id(), email="ada@example.com")


def saved(customer: str) -> tuple[SavedMethod, ...]:
    return WALLET.list_saved(customer_reference=customer)


def test_it_is_found_by_the_providers_name() -> None:
    assert isinstance(wallet_of("stripe"), StripeWallet)


def test_an_account_asked_for_twice_is_one_customer(fake: StripeFake) -> None:
    user_id = new_id()
    first = WALLET.create_customer(user_id=user_id, email="ada@example.com")
    assert WALLET.create_customer(user_id=user_id, email="ada@example.com") == first
    assert fake.show(first)["metadata"] == {"user_id": str(user_id)}
    assert WALLET.create_customer(user_id=new_id(), email="ada@example.com") != first


def test_a_card_given_on_stripes_form_is_saved(fake: StripeFake, customer: str) -> None:
    setup = WALLET.open_setup(customer_reference=customer, key="setup-1")
    assert WALLET.open_setup(customer_reference=customer, key="setup-1") == setup
    assert setup.client_secret.startswith(f"{setup.reference}_secret_")
    fake.confirm_setup(setup.reference)
    (method,) = saved(customer)
    assert (method.kind, method.brand, method.last4) == ("card", "visa", "4242")
    assert (method.exp_month, method.exp_year) == (12, 2034)
    told = [read(fake, event) for event in fake.events]
    assert [message.customer_reference for message in told if message.customer_reference] == [customer, customer]


def test_a_card_is_saved_by_its_token_once(fake: StripeFake, customer: str) -> None:
    method = WALLET.save(customer_reference=customer, token="pm_card_mastercard")
    assert (method.brand, method.last4) == ("mastercard", "4444")
    assert WALLET.save(customer_reference=customer, token=method.reference) == method
    assert saved(customer) == (method,)


def test_another_customers_card_cannot_be_saved(fake: StripeFake, customer: str) -> None:
    method = WALLET.save(customer_reference=customer, token="pm_card_visa")
    other = WALLET.create_customer(user_id=new_id(), email="eve@example.com")
    for token in (method.reference, "pm_unknown", "tok_visa", "../customers", "4242424242424242"):
        with pytest.raises(GatewayError, match="payment_method_unknown") as refusal:
            WALLET.save(customer_reference=other, token=token)
        assert refusal.value.permanent
    assert (saved(other), saved(customer)) == ((), (method,))


def test_a_card_whose_bank_refuses_to_have_it_saved_is_declined(fake: StripeFake, customer: str) -> None:
    with pytest.raises(GatewayError, match="generic_decline") as refusal:
        WALLET.save(customer_reference=customer, token="pm_card_chargeDeclined")
    assert refusal.value.permanent
    assert saved(customer) == ()


def test_a_card_is_forgotten_and_may_be_forgotten_twice(fake: StripeFake, customer: str) -> None:
    method = WALLET.save(customer_reference=customer, token="pm_card_visa")
    WALLET.forget(reference=method.reference)
    WALLET.forget(reference=method.reference)
    WALLET.forget(reference="pm_never_there")
    assert saved(customer) == ()


def test_forgetting_fails_while_stripe_is_away(fake: StripeFake, customer: str) -> None:
    method = WALLET.save(customer_reference=customer, token="pm_card_visa")
    fake.dead()
    with pytest.raises(GatewayError, match="provider_unreachable") as failure:
        WALLET.forget(reference=method.reference)
    assert not failure.value.permanent
    fake.alive()
    assert saved(customer) == (method,)


def test_a_saved_card_pays_for_its_customer_and_for_nobody_else(fake: StripeFake, customer: str) -> None:
    method = WALLET.save(customer_reference=customer, token="pm_card_visa")
    paid = start(make_attempt(payment_method_id=method.reference, customer_reference=customer))
    assert words(paid.facts) == [("captured", "19.99", "USD")]
    other = WALLET.create_customer(user_id=new_id(), email="eve@example.com")
    stolen = make_attempt(payment_method_id=method.reference, customer_reference=other)
    with pytest.raises(GatewayError) as refusal:
        start(stolen)
    assert refusal.value.permanent
    assert fake.charge_count(str(stolen.id)) == 0
