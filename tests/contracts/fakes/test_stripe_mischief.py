"""Slow, dead, cut off, lying: and what is true meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.contracts.fakes.kit import an_intent, browse


def test_a_cut_line_hides_work_that_was_done(fake, client):
    fake.cut_after_accepting(path="/v1/payment_intents")

    with pytest.raises(stripe.APIConnectionError):
        an_intent(client, key="k1")

    (made,) = fake.intents_of("a1")
    assert an_intent(client, key="k1").id == made["id"]
    assert [(call.status, call.replayed) for call in fake.calls] == [(0, False), (200, True)]


def test_a_dead_provider_does_nothing_until_it_lives_again(fake, client):
    an_intent(client)
    fake.dead()
    for _ in range(2):
        with pytest.raises(stripe.APIConnectionError):
            an_intent(client, key="k1")
    assert len(fake.intents_of("a1")) == 1

    fake.alive()
    an_intent(client, key="k1")
    assert len(fake.intents_of("a1")) == 2


def test_work_is_done_for_a_client_that_has_gone(fake):
    client = stripe.StripeClient(
        "sk_test_fake",
        base_addresses={"api": fake.url},
        http_client=stripe.RequestsClient(timeout=0.2),
        max_network_retries=0,
    )
    worked = threading.Event()
    fake.books.on_event = lambda event: worked.set()
    gate = fake.hold(path="/v1/payment_intents")

    with pytest.raises(stripe.APIConnectionError):
        an_intent(client)
    assert fake.intents_of("a1") == []
    gate.open()
    assert worked.wait(10)
    assert len(fake.intents_of("a1")) == 1


def test_a_slow_provider_answers_late(fake, client):
    fake.slow(0.3, path="/v1/payment_intents")
    began = time.monotonic()

    assert an_intent(client).status == "requires_payment_method"
    assert time.monotonic() - began >= 0.3


def test_a_hook_sees_each_request_before_the_work(fake, client):
    seen: list[tuple[str, int]] = []
    fake.during_calls(lambda request: seen.append((request.path, len(fake.intents_of("a1")))))

    an_intent(client)
    fake.during_calls(None)
    an_intent(client)

    assert seen == [("/v1/payment_intents", 0)]


def test_lies_are_told_and_not_booked(fake, client):
    intent = an_intent(client)
    fake.lie_about(intent.id, amount=1, currency="eur")
    fake.pay(intent.id)

    told = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert (told.amount, told.amount_received, told.currency, told.latest_charge.amount) == (1, 1, "eur", 1)
    assert fake.events[-1]["data"]["object"]["amount_received"] == 1
    assert fake.ledger() == {"a1": {"captured": 1999, "refunded": 0, "charges": 1, "currency": "usd"}}


def test_one_rule_of_misbehaviour_hits_its_path_and_is_used_up(fake, client):
    fake.answer_500(times=1, path="/v1/payment_intents/*/cancel", status=503)
    intent = an_intent(client)

    with pytest.raises(stripe.APIError):
        client.v1.payment_intents.cancel(intent.id)
    assert client.v1.payment_intents.cancel(intent.id).status == "canceled"


def test_five_hundred_charges_are_a_matter_of_seconds(fake, client):
    def charge(number: int) -> str:
        params = {"confirm": True, "payment_method": "pm_card_visa", "return_url": "http://shop.test/"}
        return an_intent(client, key=f"k{number}", metadata={"attempt_id": str(number)}, **params).status

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(charge, range(500))) == {"succeeded"}

    assert time.monotonic() - began < 30
    assert sum(account["captured"] for account in fake.ledger().values()) == 500 * 1999


def test_a_newcomer_can_pay_on_the_page(fake, client):
    intent = an_intent(client)
    page = f"{fake.url}/pay/{intent.client_secret}"

    assert b"requires_payment_method" in browse("GET", page)
    assert b"requires_action" in browse("POST", page, do="pm_card_authenticationRequired")
    assert b"succeeded" in browse("POST", page, do="authenticate")
    assert fake.charge_count("a1") == 1
    assert b"Unrecognized" in browse("POST", page + "0", do="pm_card_visa")
