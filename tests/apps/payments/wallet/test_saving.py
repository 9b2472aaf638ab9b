"""Saved methods: one row for what the provider keeps, one default, and nobody else's."""

import uuid

import pytest
from django.conf import LazySettings

from apps.accounts.models import User
from apps.payments.errors import (
    PaymentMethodNotFound,
    ProviderKeepsNoMethods,
    ProviderNotOffered,
    ProviderRefused,
    ProviderUnavailable,
    TooManyPaymentMethods,
)
from apps.payments.gateways.base import GatewayError
from apps.payments.models import PaymentMethod, ProviderCustomer
from apps.payments.services.wallet import (
    FOREIGN_CUSTOMER,
    METHODS_MAX,
    delete_method,
    open_setup,
    resolve_method,
    save_method,
    set_default,
)
from core.errors import ShopError
from core.ids import new_id
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, pay
from tests.apps.payments.wallet.played import PlayedWallet, methods_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db
VISA, AMEX, JCB = "visa_4242", "amex_8431", "jcb_0505"


def save(user: User, token: str = VISA, **options: bool) -> PaymentMethod:
    return save_method(user=user, provider="simulated", token=token, **options)


def test_a_method_is_saved_as_what_its_owner_recognises_it_by(provider: PlayedWallet, customer: User) -> None:
    method = save(customer)
    shown = (method.provider, method.kind, method.brand, method.last4, method.exp_month, method.exp_year)
    assert shown == ("simulated", "card", "visa", "4242", 12, 2034)
    assert provider.calls == ["create_customer", "save"]
    assert ProviderCustomer.objects.get().reference == f"cus_{customer.pk.hex}"


def test_the_first_is_the_default_and_a_later_one_only_when_asked(provider: PlayedWallet, customer: User) -> None:
    assert [save(customer).is_default, save(customer, AMEX).is_default] == [True, False]
    assert save(customer, JCB, is_default=True).is_default is True
    assert [row[3] for row in methods_of(customer)] == [False, False, True]


def test_saved_again_it_is_the_same_row_with_the_news(provider: PlayedWallet, customer: User) -> None:
    first = save(customer)
    save(customer, AMEX, is_default=True)
    assert save(customer).pk == first.pk
    assert methods_of(customer) == [("pm_visa_4242", "4242", 2034, False), ("pm_amex_8431", "8431", 2034, True)]
    assert provider.calls.count("create_customer") == 1


def test_never_more_than_four_digits_are_kept(provider: PlayedWallet, customer: User) -> None:
    assert save(customer, "visa_4242424242424242").last4 == "4242"


def test_anothers_method_and_an_unknown_one_are_not_found(provider: PlayedWallet, customer: User) -> None:
    save(make_user())
    for token in (VISA, "pm_visa_4242", "nonsense"):
        with pytest.raises(PaymentMethodNotFound):
            save(customer, token)
    assert methods_of(customer) == []
    assert provider.kept[f"cus_{customer.pk.hex}"] == {}


def test_a_method_that_the_provider_gives_to_two_accounts_stays_the_first_ones(
    provider: PlayedWallet, customer: User
) -> None:
    owner = make_user()
    save(owner)
    provider.kept[f"cus_{owner.pk.hex}"].clear()  # now it would keep the same reference for anybody
    with pytest.raises(PaymentMethodNotFound):
        save(customer)
    assert (methods_of(customer), len(methods_of(owner))) == ([], 1)


def test_a_provider_that_answers_with_anothers_customer_is_not_believed(provider: PlayedWallet, customer: User) -> None:
    owner = make_user()
    save(owner)
    provider.customer_is_always = f"cus_{owner.pk.hex}"
    with pytest.raises(ProviderRefused) as refusal:
        save(customer, AMEX)
    assert refusal.value.extra == {"provider_code": FOREIGN_CUSTOMER}
    assert (methods_of(customer), ProviderCustomer.objects.get().user) == ([], owner)


def test_there_is_a_limit(provider: PlayedWallet, customer: User) -> None:
    for number in range(METHODS_MAX):
        save(customer, f"visa_{number:04}")
    for refused in (lambda: save(customer), lambda: open_setup(user=customer, provider="simulated")):
        with pytest.raises(TooManyPaymentMethods):
            refused()
    assert (PaymentMethod.objects.count(), provider.calls.count("save")) == (METHODS_MAX, METHODS_MAX)
    assert save(customer, "pm_visa_0003").last4 == "0003"
    assert save(make_user()).is_default is True


@pytest.mark.parametrize(
    ("name", "refusal"),
    [("cod", ProviderKeepsNoMethods), ("stripe", ProviderNotOffered), ("nobody", ProviderNotOffered)],
)
def test_a_provider_that_keeps_nothing_is_refused(
    name: str, refusal: type[ShopError], customer: User, settings: LazySettings
) -> None:
    settings.PAYMENT_PROVIDERS = ["cod", "simulated"]
    for ask in (
        lambda: save_method(user=customer, provider=name, token=VISA),
        lambda: open_setup(user=customer, provider=name),
    ):
        with pytest.raises(refusal):
            ask()
    assert (PaymentMethod.objects.count(), ProviderCustomer.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("failure", "refusal"),
    [
        (GatewayError("timeout", permanent=False), ProviderUnavailable),
        (GatewayError("card_declined", permanent=True), ProviderRefused),
    ],
)
def test_what_the_provider_did_not_do_did_not_happen(
    provider: PlayedWallet, customer: User, failure: GatewayError, refusal: type[ShopError]
) -> None:
    known = save(customer)
    provider.failure = failure
    for act in (
        lambda: save(customer, AMEX),
        lambda: open_setup(user=customer, provider="simulated"),
        lambda: delete_method(user=customer, method_id=known.pk),
    ):
        with pytest.raises(refusal):
            act()
    assert methods_of(customer) == [("pm_visa_4242", "4242", 2034, True)]


def test_a_setup_makes_the_account_known_once(provider: PlayedWallet, customer: User) -> None:
    first = open_setup(user=customer, provider="simulated", request_key="abc")
    second = open_setup(user=customer, provider="simulated")
    assert (first.reference, first.client_secret) == ("seti_setup-abc", "seti_setup-abc_secret")
    assert second.reference != first.reference
    assert provider.calls == ["create_customer", "open_setup", "open_setup"]
    assert ProviderCustomer.objects.count() == 1


def test_what_goes_is_forgotten_by_the_provider_and_the_newest_takes_its_place(
    provider: PlayedWallet, customer: User
) -> None:
    gone, middle, newest = save(customer), save(customer, AMEX), save(customer, JCB)
    delete_method(user=customer, method_id=gone.pk)
    assert provider.kept[f"cus_{customer.pk.hex}"].keys() == {"pm_amex_8431", "pm_jcb_0505"}
    assert [row[3] for row in methods_of(customer)] == [False, True]
    delete_method(user=customer, method_id=middle.pk)
    delete_method(user=customer, method_id=newest.pk)
    assert methods_of(customer) == []


def test_one_is_the_default(provider: PlayedWallet, customer: User) -> None:
    save(customer)
    chosen = save(customer, AMEX)
    for _ in range(2):
        assert set_default(user=customer, method_id=chosen.pk).is_default is True
        assert [row[3] for row in methods_of(customer)] == [False, True]


def test_somebody_elses_method_is_not_found(provider: PlayedWallet, customer: User) -> None:
    stranger = make_user()
    theirs = save(stranger)
    for method_id in (theirs.pk, new_id()):
        with pytest.raises(PaymentMethodNotFound):
            delete_method(user=customer, method_id=method_id)
        with pytest.raises(PaymentMethodNotFound):
            set_default(user=customer, method_id=method_id)
    assert methods_of(stranger) == [("pm_visa_4242", "4242", 2034, True)]
    assert provider.kept[f"cus_{stranger.pk.hex}"].keys() == {"pm_visa_4242"}


def test_one_pays_with_own_methods_by_id_and_with_any_by_an_unsaved_token(
    provider: PlayedWallet, customer: User
) -> None:
    own = save(customer)
    for given, meant in (("", ""), (str(own.pk), "pm_visa_4242"), ("pm_visa_4242", "pm_visa_4242"), ("tok_1", "tok_1")):
        assert resolve_method(user=customer, provider="simulated", given=given) == meant


def test_one_does_not_pay_with_somebody_elses(provider: PlayedWallet, customer: User) -> None:
    theirs = save(customer)
    for user in (None, make_user()):
        for given in (str(theirs.pk), theirs.pk.hex, str(uuid.uuid4())):
            with pytest.raises(PaymentMethodNotFound):
                resolve_method(user=user, provider="simulated", given=given)


def test_somebody_elses_method_is_not_charged_by_its_name_either(provider: PlayedWallet, customer: User) -> None:
    save(customer)
    order = make_order(user=make_user())
    before = everything()
    with pytest.raises(PaymentMethodNotFound):
        pay(order, "pm_visa_4242")
    assert everything() == before
    assert pay(make_order(user=customer), "pm_visa_4242").status == "succeeded"


def test_a_method_of_another_provider_is_not_found(provider: PlayedWallet, customer: User) -> None:
    own = save(customer)
    with pytest.raises(PaymentMethodNotFound):
        resolve_method(user=customer, provider="stripe", given=str(own.pk))


@pytest.mark.django_db(transaction=True)
def test_the_provider_is_never_asked_inside_a_transaction(provider: PlayedWallet, customer: User) -> None:
    open_setup(user=customer, provider="simulated")
    delete_method(user=customer, method_id=save(customer).pk)
    assert provider.calls == ["create_customer", "open_setup", "save", "forget"]
    assert provider.was_called_in_a_transaction is False
