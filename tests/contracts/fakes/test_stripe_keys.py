"""Idempotency keys: kept, refused, freed, forgotten."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.contracts.fakes.kit import an_intent, types_of


def test_a_repeat_gets_the_stored_answer(fake, client):
    first = an_intent(client, key="k1")
    again = an_intent(client, key="k1")

    assert again.id == first.id
    assert first.last_response.headers.get("Idempotent-Replayed") is None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.body == first.last_response.body
    assert types_of(fake) == ["payment_intent.created"]


def test_a_key_is_good_for_one_request_only(fake, client):
    an_intent(client, key="k1")

    with pytest.raises(stripe.IdempotencyError):
        an_intent(client, key="k1", amount=2000)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({}, {"idempotency_key": "k1"})
    assert types_of(fake) == ["payment_intent.created"]


def test_a_refused_parameter_does_not_use_the_key_up(client):
    with pytest.raises(stripe.InvalidRequestError):
        an_intent(client, key="k1", amount=1)

    assert an_intent(client, key="k1").amount == 1999


def test_a_decline_is_stored(fake, client):
    params = {"confirm": True, "payment_method": "pm_card_chargeDeclined", "return_url": "http://shop.test/"}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            an_intent(client, key="k1", **params)

    assert types_of(fake).count("charge.failed") == 1


def test_a_500_is_stored_with_or_without_the_work(fake, client):
    for key, works in (("k1", False), ("k2", True)):
        fake.answer_500(path="/v1/payment_intents", works=works)
        for _ in range(2):
            with pytest.raises(stripe.APIError) as raised:
                an_intent(client, key=key)
            assert raised.value.http_status == 500

    assert types_of(fake) == ["payment_intent.created"]


def test_a_503_is_not_stored(fake, client):
    fake.answer_500(path="/v1/payment_intents", status=503)
    with pytest.raises(stripe.APIError):
        an_intent(client, key="k1")

    assert an_intent(client, key="k1").status == "requires_payment_method"


def test_a_twin_of_a_running_request_is_sent_away(fake, client):
    gate = fake.hold(path="/v1/payment_intents")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(an_intent, client, key="k1")
        gate.wait_until_reached()
        with pytest.raises(stripe.APIError) as raised:
            an_intent(client, key="k1")
        gate.open()
        made = first.result()

    assert (raised.value.http_status, raised.value.error.code) == (409, "idempotency_key_in_use")
    assert an_intent(client, key="k1").id == made.id


def test_a_forgotten_key_does_it_again(fake, client):
    first = an_intent(client, key="k1")
    fake.forget_idempotency_keys()

    assert an_intent(client, key="k1").id != first.id
    assert len(fake.intents_of("a1")) == 2
