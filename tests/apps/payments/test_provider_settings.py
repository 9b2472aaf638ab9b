"""What is set for the providers is found wanting before a customer finds it."""

from typing import Any

import pytest

from apps.payments.checks import check_real_money, check_sslcommerz, check_stripe

STRIPE = {
    "PAYMENT_PROVIDERS": ["stripe"],
    "STRIPE_SECRET_KEY": "sk_live_secretcanary",
    "STRIPE_PUBLIC_KEY": "pk_live_1",
    "STRIPE_WEBHOOK_SECRETS": ["whsec_secretcanary"],
    "STRIPE_API_URL": "",
}
SSLCOMMERZ = {
    "PAYMENT_PROVIDERS": ["sslcommerz"],
    "SSLCOMMERZ_STORE_ID": "store",
    "SSLCOMMERZ_STORE_PASSWORD": "secretcanary",
    "SSLCOMMERZ_SANDBOX": False,
    "SSLCOMMERZ_API_URL": "",
}


def ids(settings: Any, check: Any, values: dict[str, Any]) -> list[str]:
    """Return what a check finds with these settings. No finding tells a secret."""
    for name, value in values.items():
        setattr(settings, name, value)
    found = check(None)
    assert "secretcanary" not in str(found)
    return [entry.id for entry in found]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"STRIPE_SECRET_KEY": "rk_live_secretcanary"}, []),
        ({"STRIPE_SECRET_KEY": "", "STRIPE_PUBLIC_KEY": ""}, ["payments.E004", "payments.W002"]),
        ({"STRIPE_SECRET_KEY": "pk_live_1"}, ["payments.E004"]),
        ({"STRIPE_SECRET_KEY": "sk_test_secretcanary"}, ["payments.E005"]),
        ({"STRIPE_PUBLIC_KEY": "sk_live_secretcanary"}, ["payments.E005"]),
        ({"STRIPE_PUBLIC_KEY": ""}, ["payments.W002"]),
        ({"STRIPE_WEBHOOK_SECRETS": []}, ["payments.W003"]),
        ({"STRIPE_API_URL": "http://127.0.0.1:9101"}, []),
        ({"STRIPE_API_URL": "127.0.0.1:9101"}, ["payments.E006"]),
        ({"STRIPE_API_URL": "https://name:secretcanary@example.com"}, ["payments.E006"]),
        ({"STRIPE_API_URL": "http://[::1"}, ["payments.E006"]),
        ({"PAYMENT_PROVIDERS": ["cod"], "STRIPE_SECRET_KEY": ""}, []),
    ],
)
def test_stripe_is_offered_only_with_keys_that_belong_together(
    settings: Any, changed: dict[str, Any], expected: list[str]
) -> None:
    assert ids(settings, check_stripe, STRIPE | changed) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"SSLCOMMERZ_STORE_ID": ""}, ["payments.E007"]),
        ({"SSLCOMMERZ_STORE_PASSWORD": ""}, ["payments.E007"]),
        ({"SSLCOMMERZ_API_URL": "ftp://example.com"}, ["payments.E008"]),
        ({"PAYMENT_PROVIDERS": ["cod"], "SSLCOMMERZ_STORE_ID": ""}, []),
    ],
)
def test_sslcommerz_is_offered_only_with_a_store(settings: Any, changed: dict[str, Any], expected: list[str]) -> None:
    assert ids(settings, check_sslcommerz, SSLCOMMERZ | changed) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (STRIPE, []),
        (STRIPE | {"STRIPE_SECRET_KEY": "sk_test_secretcanary"}, ["payments.W004"]),
        (STRIPE | {"STRIPE_API_URL": "http://127.0.0.1:9101"}, ["payments.W004"]),
        (SSLCOMMERZ, []),
        (SSLCOMMERZ | {"SSLCOMMERZ_SANDBOX": True}, ["payments.W005"]),
        (SSLCOMMERZ | {"SSLCOMMERZ_API_URL": "http://127.0.0.1:9102"}, ["payments.W005"]),
    ],
)
def test_a_shop_on_the_internet_is_told_which_money_is_play(
    settings: Any, values: dict[str, Any], expected: list[str]
) -> None:
    assert ids(settings, check_real_money, values) == expected
