"""Lists, search, and events on their way to the shop."""

import json
import time
from typing import Any

import pytest
import stripe

from tests.contracts.fakes.kit import SECRET, an_intent


def test_lists_page_in_both_directions(client):
    made = [an_intent(client, metadata={"attempt_id": str(number)}).id for number in range(7)]
    newest_first = made[::-1]

    assert [item.id for item in client.v1.payment_intents.list({"limit": 3}).auto_paging_iter()] == newest_first
    page = client.v1.payment_intents.list({"limit": 2, "ending_before": made[1]})
    assert ([item.id for item in page.data], page.has_more) == ([made[3], made[2]], True)
    backwards = client.v1.payment_intents.list({"limit": 2, "ending_before": made[1]}).auto_paging_iter()
    assert [item.id for item in backwards] == made[2:]


def test_an_intent_is_found_by_the_attempt_it_was_made_for(fake, client):
    wanted = an_intent(client, metadata={"attempt_id": "wanted"})
    an_intent(client, metadata={"attempt_id": "other"})
    query = {"query": "metadata['attempt_id']:'wanted'"}

    assert [item.id for item in client.v1.payment_intents.search(query).data] == [wanted.id]
    fake.hide_from_search(wanted.id)
    assert client.v1.payment_intents.search(query).data == []


def test_events_are_listed_by_type_time_and_fate(fake, client, shop):
    fake.pay(an_intent(client).id)
    created, charged, succeeded = fake.events
    assert fake.deliver(shop.url, charged) == 200

    def listed(**params: Any) -> list[str]:
        return [event.id for event in client.v1.events.list(params).data]

    assert listed() == [succeeded["id"], charged["id"], created["id"]]
    assert listed(delivery_success=False) == [succeeded["id"], created["id"]]
    assert listed(types=["charge.succeeded", "charge.failed"]) == [charged["id"]]
    assert listed(created={"gte": created["created"] + 3600}) == []
    assert listed(ending_before=created["id"], delivery_success=False) == [succeeded["id"]]
    assert client.v1.events.retrieve(charged["id"]).data.object.amount == 1999


def test_the_official_check_accepts_our_signature_and_no_other(fake, client):
    fake.pay(an_intent(client).id)
    body, headers = fake.signed(fake.events[-1])

    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
    assert (event.type, event.data.object.amount_received) == ("payment_intent.succeeded", 1999)
    for changed, secret in ((body.replace(b"1999", b"2999"), SECRET), (body, "whsec_other")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(changed, headers["Stripe-Signature"], secret)
    old_body, old_headers = fake.signed(fake.events[-1], timestamp=int(time.time()) - 301)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(old_body, old_headers["Stripe-Signature"], SECRET)


def test_two_deliveries_of_an_event_differ_in_what_does_not_matter(fake, client):
    an_intent(client)
    first, second = (json.loads(fake.signed(fake.events[0])[0]) for _ in range(2))

    assert first["pending_webhooks"] != second["pending_webhooks"]
    assert {**first, "pending_webhooks": 0} == {**second, "pending_webhooks": 0}


def test_events_are_sent_by_themselves_until_they_are_taken(fake, client, shop):
    shop.statuses = [500, 302]
    fake.webhook_url = shop.url
    an_intent(client)

    assert fake.wait_until_delivered(10)
    assert len(shop.bodies) == 3
    assert client.v1.events.list({"delivery_success": False}).data == []
    for body, headers in zip(shop.bodies, shop.headers, strict=True):
        assert (
            stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET).type == "payment_intent.created"
        )
