"""Keys, secrets and bodies stay out of every log, also when all loggers tell everything (promises, row 39)."""

import io
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.stripe_wallet import StripeWallet
from core import clock
from core.ids import new_id
from core.logs import JsonFormatter
from tests.apps.payments.stripe.provider import GATEWAY, cancel, fetch, make_attempt, refund_request, start, use_fake
from tests.fakes.stripe_provider import StripeFake

KEY_CANARY = "sk_test_canaryKEYcanaryKEYcanary"
WEBHOOK_CANARY = "whsec_canarySECRETcanarySECRET"


@pytest.fixture
def fake(settings: Any) -> Iterator[StripeFake]:
    with StripeFake(secret_key=KEY_CANARY) as running:
        running.webhook_secret = WEBHOOK_CANARY
        use_fake(settings, running)
        yield running


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a real handler at the root writes while every logger is at DEBUG, httpx and httpcore too."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("", "stripe", "httpx", "httpcore", "shop", "shop.payments")]
    levels = [logger.level for logger in loggers]
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield stream
    logging.getLogger().removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_no_secret_reaches_a_log(
    fake: StripeFake, written: io.StringIO, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = _use_everything(fake)
    logging.getLogger("stripe").debug("this would be a body")
    logged = written.getvalue() + caplog.text + "".join(capfd.readouterr())
    assert "httpcore" in logged  # the capture works
    assert "this would be a body" not in logged
    assert len(secrets) >= 5
    assert [secret for secret in secrets if secret in logged] == []


def _use_everything(fake: StripeFake) -> set[str]:
    """Play all verbs, good and bad, and return what must not be told."""
    secrets = {KEY_CANARY, WEBHOOK_CANARY}
    attempt = make_attempt()
    started = start(attempt)
    secrets |= {started.client_secret, started.client_secret.partition("_secret_")[2]}
    fake.pay(started.transaction_id)
    paid = make_attempt()
    start(paid)
    cancel(paid)
    for event in fake.events:
        body, headers = fake.signed(event)
        GATEWAY.read_webhook(body=body, headers=headers, now=clock.now())
        with pytest.raises(GatewayError):
            GATEWAY.read_webhook(body=body + b" ", headers=headers, now=clock.now())
    wallet = StripeWallet()
    customer = wallet.create_customer(user_id=new_id(), email="canary@example.com")
    secrets |= {"canary@example.com", wallet.open_setup(customer_reference=customer, key="k").client_secret}
    for provoke in (
        lambda: fetch(make_attempt(transaction_id="pi_0")),
        lambda: GATEWAY.refund(refund_request(paid)),
        lambda: start(_bad()),
    ):
        with pytest.raises(GatewayError):
            provoke()
    fake.dead()
    with pytest.raises(GatewayError):
        start(make_attempt())
    return secrets


def _bad() -> Any:
    return make_attempt(payment_method_id="pm_card_of_nobody")


@pytest.mark.parametrize("trouble", ["refused", "wrong key", "dead", "declined when saved"])
def test_no_secret_is_in_the_trace_of_an_error(fake: StripeFake, settings: Any, trouble: str) -> None:
    def fail() -> None:
        if trouble == "refused":
            start(_bad())
        elif trouble == "wrong key":
            settings.STRIPE_SECRET_KEY = "sk_test_canaryOTHER"
            start(make_attempt())
        elif trouble == "dead":
            fake.dead()
            start(make_attempt())
        else:
            customer = StripeWallet().create_customer(user_id=new_id(), email="canary@example.com")
            StripeWallet().save(customer_reference=customer, token="pm_card_chargeDeclined")

    with pytest.raises(GatewayError) as failure:
        fail()
    told = "".join(traceback.format_exception(failure.value))
    assert "canary" not in told
    assert failure.value.__cause__ is None
    assert "stripe._error" not in told


def test_the_environment_cannot_make_the_library_print(
    fake: StripeFake, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRIPE_LOG", "debug")
    start(make_attempt())
    assert "".join(capfd.readouterr()) == ""


def test_nothing_about_this_machine_is_told_to_stripe(fake: StripeFake) -> None:
    start(make_attempt())
    headers = fake.calls[-1].headers
    assert not [name for name in headers if "telemetry" in name]
    assert "platform" not in headers["x-stripe-client-user-agent"]
