"""The shop's gateway and the official SDK against `localstripe`, a stand-in that other people wrote.

It knows less than Stripe (no idempotency keys, no search, no disputes, no messages we would read): a smoke test of what
it does know. It runs in a process of its own, reachable from this machine only.
"""

import contextlib
import dataclasses
import json
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.stripe_wallet import StripeWallet
from core.ids import new_id
from tests.apps.payments.stripe.provider import (
    GATEWAY,
    cancel,
    capture,
    fetch,
    make_attempt,
    names,
    refund_request,
    start,
    words,
)
from tests.ports import free_port

KEY = "sk_test_localstripe"
SERVE = """
from aiohttp import web
from localstripe import resources, server
type(resources.store).dump_to_disk = lambda store: None  # it would keep its books in a file all runs share
web.run_app(server.app, host="127.0.0.1", port={port})
"""
CARD = {"exp_month": "12", "exp_year": "2034", "cvc": "123"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """localstripe on a free port of the loopback address, until the module's tests are over."""
    port = free_port()
    command = [sys.executable, "-c", SERVE.format(port=port)]
    with subprocess.Popen(
        command, cwd=tmp_path_factory.mktemp("localstripe"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)  # until the port is open: nothing tells when
    raise RuntimeError("localstripe does not answer")


@pytest.fixture(autouse=True)
def _shop(server: str, settings: Any) -> None:
    settings.STRIPE_API_URL = server
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_PAYMENT_METHOD_TYPES = ["card"]  # it has not heard of automatic ones
    settings.STRIPE_CAPTURE_METHOD = "automatic"


def post(server: str, path: str, **form: str) -> dict[str, Any]:
    """Do what Stripe's own script does in the payer's browser."""
    request = urllib.request.Request(
        f"{server}{path}",
        data=urllib.parse.urlencode(form).encode(),
        headers={"Authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def card(server: str, number: str) -> str:
    """Return the name of a card given on Stripe's form."""
    details = {f"card[{name}]": value for name, value in {**CARD, "number": number}.items()}
    return str(post(server, "/v1/payment_methods", type="card", **details)["id"])


def test_an_intent_is_opened_looked_at_and_given_up() -> None:
    attempt = make_attempt()
    started = start(attempt)
    assert started.client_secret.startswith(f"{started.transaction_id}_secret_")
    attempt = dataclasses.replace(attempt, transaction_id=started.transaction_id)
    assert fetch(attempt) == ()
    assert names(cancel(attempt)) == [("cancelled", f"void_{started.transaction_id}")]


def test_a_card_is_charged_and_refunded_in_parts() -> None:
    attempt = make_attempt(payment_method_id="pm_card_visa")
    started = start(attempt)
    assert words(started.facts) == [("captured", "19.99", "USD")]
    attempt = dataclasses.replace(attempt, transaction_id=started.transaction_id)
    refunds = [GATEWAY.refund(refund_request(attempt, amount)) for amount in ("5.00", "14.99")]
    assert [words(refund.facts) for refund in refunds] == [
        [("refunded", "5.00", "USD")],
        [("refunded", "14.99", "USD")],
    ]
    told = fetch(attempt)
    assert names(told[:1]) == names(started.facts)
    assert sorted(names(told[1:])) == sorted(names(refunds[0].facts + refunds[1].facts))
    assert {fact.refund_id for fact in told[1:]} == {fact.refund_id for refund in refunds for fact in refund.facts}


def test_a_card_whose_bank_wants_proof_is_charged_after_it(server: str) -> None:
    attempt = make_attempt(payment_method_id=card(server, "4000002500003155"))
    started = start(attempt)
    assert words(started.facts) == [("requires_action", "19.99", "USD")]
    attempt = dataclasses.replace(attempt, transaction_id=started.transaction_id)
    path = f"/v1/payment_intents/{started.transaction_id}/_authenticate"
    post(server, path, client_secret=started.client_secret, success="true")
    assert words(fetch(attempt)) == [("captured", "19.99", "USD")]


def test_money_is_held_and_taken_later(settings: Any) -> None:
    settings.STRIPE_CAPTURE_METHOD = "manual"
    attempt = make_attempt(payment_method_id="pm_card_visa")
    started = start(attempt)
    assert words(started.facts) == [("authorised", "19.99", "USD")]
    attempt = dataclasses.replace(attempt, transaction_id=started.transaction_id)
    assert words(capture(attempt)) == words(fetch(attempt)) == [("captured", "19.99", "USD")]


def test_a_declined_card_is_refused_for_good(server: str) -> None:
    with pytest.raises(GatewayError, match="card_declined") as refusal:
        start(make_attempt(payment_method_id=card(server, "4000000000000341")))
    assert refusal.value.permanent


def test_cards_are_saved_listed_charged_and_forgotten(server: str) -> None:
    wallet = StripeWallet()
    customer = wallet.create_customer(user_id=new_id(), email="ada@example.com")
    assert wallet.open_setup(customer_reference=customer, key="setup").client_secret
    saved = [wallet.save(customer_reference=customer, token=card(server, "4242424242424242")) for _ in range(2)]
    assert [(each.brand, each.last4, each.exp_month, each.exp_year) for each in saved] == [
        ("visa", "4242", 12, 2034)
    ] * 2
    listed = wallet.list_saved(customer_reference=customer)
    assert sorted(each.reference for each in listed) == sorted(each.reference for each in saved)
    paid = start(make_attempt(payment_method_id=saved[0].reference, customer_reference=customer))
    assert words(paid.facts) == [("captured", "19.99", "USD")]
    wallet.forget(reference=saved[0].reference)
    assert wallet.list_saved(customer_reference=customer) == (saved[1],)


def test_a_key_it_does_not_take_fails_nothing_for_good(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "no key at all"
    with pytest.raises(GatewayError) as failure:
        start(make_attempt())
    assert not failure.value.permanent
