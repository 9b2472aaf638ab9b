"""Webhooks arrive once or again with the same id, signed afresh each time, until three days are over."""

import base64
import datetime as dt
import logging
from collections.abc import Callable

import pytest
from django.conf import LazySettings

from apps.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import sending
from apps.webhooks.services.endpoints import (
    EndpointChanges,
    delete_endpoint,
    request_ping,
    rotate_secret,
    update_endpoint,
)
from apps.webhooks.services.messages import BODY_MAX_BYTES, body_of
from apps.webhooks.services.queueing import queue_events
from apps.webhooks.services.serving import LEASE, claim_due, dispatch_due
from apps.webhooks.services.upkeep import remove_old_deliveries
from core import clock
from core.events.feed import read_feed
from core.events.models import OutboxEvent
from tests.apps.webhooks.receiving import Receiver, endpoint_at, feed, happen, signatures_that_fit

pytestmark = pytest.mark.django_db
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("position").values_list("state", flat=True))


def disabled_news() -> list[dict[str, object]]:
    return [event.payload for event in OutboxEvent.objects.filter(name="webhooks.endpoint_disabled")]


def test_an_event_arrives_signed_and_in_the_form_of_the_specification(receiver: Receiver) -> None:
    _, secret = endpoint_at(receiver)
    happen(7)

    assert dispatch_due() == 1

    [request] = receiver.received
    event = OutboxEvent.objects.get(name="tests.happened")
    assert signatures_that_fit(request, secret) == 1
    assert request.headers["webhook-id"] == str(event.id)
    assert abs(int(request.headers["webhook-timestamp"]) - clock.now().timestamp()) < 10
    assert request.headers["content-type"] == "application/json"
    assert request.document == {
        "type": "tests.happened",
        "timestamp": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "data": {"number": 7},
        "id": str(event.id),
        "version": 1,
        "position": event.position,
        "aggregate_id": "7",
        "is_thin": False,
    }
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.number, attempt.status, attempt.error, attempt.answer) == (1, 200, "", "")
    assert dispatch_due() == 0


def test_a_secret_has_256_bits_and_is_not_in_the_database(receiver: Receiver) -> None:
    _, secret = endpoint_at(receiver)

    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    [row] = WebhookEndpoint.objects.values()
    assert secret.removeprefix("whsec_") not in str(row)


def test_an_endpoint_gets_what_it_chose(receivers: Callable[[int], list[Receiver]]) -> None:
    everything, chosen, other = receivers(3)
    endpoint_at(everything)
    endpoint_at(chosen, event_names=["tests.happened"])
    endpoint_at(other, event_names=["orders.placed"])
    happen(1, 2)
    dispatch_due()
    assert (everything.numbers, chosen.numbers, other.numbers) == ([1, 2], [1, 2], [])


def test_a_batch_that_the_sink_is_given_twice_is_owed_once(receiver: Receiver) -> None:
    endpoint_at(receiver)
    happen(1)
    events = read_feed(after=0, limit=10)
    queue_events(events, now=clock.now())
    queue_events(events, now=clock.now())
    dispatch_due()
    assert receiver.numbers == [1]


def test_a_receiver_that_is_down_for_six_hours_gets_everything(receiver: Receiver) -> None:
    endpoint, secret = endpoint_at(receiver)
    start = clock.now()
    receiver.status = 503
    numbers = list(range(20))
    happen(*numbers)

    now = start
    while now < start + 6 * HOUR:
        dispatch_due(now)
        now += dt.timedelta(minutes=2)
    receiver.status, down = 200, list(receiver.received)
    receiver.received.clear()
    new_secret = rotate_secret(endpoint_id=endpoint.pk, now=now)[1]
    for minutes in range(0, 12, 2):
        dispatch_due(now + dt.timedelta(minutes=minutes))

    probe, *others = receiver.numbers
    assert others == [number for number in numbers if number != probe]
    assert states() == ["delivered"] * 20
    ids = {request.number: request.headers["webhook-id"] for request in receiver.received}
    assert all(request.headers["webhook-id"] == ids[request.number] for request in down)
    tries_of_first = [request for request in down if request.number == 0]
    assert 3 <= len(tries_of_first) <= 8
    assert {request.number for request in down} == set(numbers)
    for field in ("webhook-timestamp", "webhook-signature"):
        assert len({request.headers[field] for request in tries_of_first}) == len(tries_of_first)
    [finally_taken] = [request.body for request in receiver.received if request.number == 0]
    assert {request.body for request in tries_of_first} == {finally_taken}
    assert all(signatures_that_fit(request, secret) == 1 for request in [*down, *receiver.received])
    assert all(signatures_that_fit(request, new_secret) == 1 for request in receiver.received)
    assert len(receiver.received[0].headers["webhook-signature"].split(" ")) == 2
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.failing_since, endpoint.failures) == (True, None, 0)


def test_the_old_secret_signs_for_a_day(receiver: Receiver) -> None:
    endpoint, old = endpoint_at(receiver)
    happen(1, 2)
    now = clock.now()
    new = rotate_secret(endpoint_id=endpoint.pk, now=now)[1]
    WebhookDelivery.objects.filter(position__gt=WebhookDelivery.objects.order_by("position")[0].position).update(
        due_at=now + 25 * HOUR
    )

    dispatch_due(now)
    dispatch_due(now + 25 * HOUR)

    fits = [(signatures_that_fit(request, old), signatures_that_fit(request, new)) for request in receiver.received]
    assert fits == [(1, 1), (0, 1)]


def test_after_three_days_it_has_failed_and_the_endpoint_is_switched_off(receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver, description="Books")
    receiver.status = 500
    happen(1)
    start = clock.now()
    moment = start
    while moment < start + 3 * DAY - 2 * HOUR:
        dispatch_due(moment)
        moment += HOUR
    assert (states(), disabled_news()) == (["pending"], [])

    dispatch_due(start + 3 * DAY + SECOND)

    endpoint.refresh_from_db()
    assert (states(), endpoint.is_active, endpoint.disabled_reason) == (["failed"], False, "failing")
    assert 15 <= len(receiver.received) <= 25
    [news] = disabled_news()
    assert news == {
        "endpoint_id": str(endpoint.pk),
        "host": "127.0.0.1",
        "description": "Books",
        "reason": "failing",
        "failing_since": endpoint.failing_since.isoformat() if endpoint.failing_since else "",
    }
    assert dispatch_due(start + 10 * DAY) == 0


def test_410_switches_the_endpoint_off_at_once(receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    receiver.status = 410
    happen(1, 2, 3)

    assert dispatch_due() == 1

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason, len(receiver.received)) == (False, "gone", 1)
    assert states() == ["dropped"] * 3
    assert [news["reason"] for news in disabled_news()] == ["gone"]
    happen(4)
    assert (dispatch_due(clock.now() + DAY), len(receiver.received)) == (0, 1)


def test_one_event_that_is_refused_holds_the_others_up_for_seconds_only(receiver: Receiver) -> None:
    endpoint_at(receiver)
    receiver.decide = lambda request: 500 if request.number == 1 else 200
    happen(1, 2, 3)
    now = clock.now()

    assert dispatch_due(now) == 1
    dispatch_due(now + 6 * SECOND)
    dispatch_due(now + 20 * SECOND)

    assert states() == ["pending", "delivered", "delivered"]


def test_a_redirect_is_a_refusal_and_is_not_followed(receivers: Callable[[int], list[Receiver]]) -> None:
    (receiver,) = receivers(1)
    endpoint_at(receiver)
    receiver.status = 307
    happen(1)
    assert dispatch_due() == 1
    assert (states(), len(receiver.received)) == (["pending"], 1)
    assert WebhookAttempt.objects.get().error == "the receiver answered 307"


def test_of_a_refusal_no_more_than_200_printable_characters_are_kept(receiver: Receiver) -> None:
    endpoint_at(receiver)
    receiver.status, receiver.body = 400, b"a\x00b\n\xff" + b"x" * 100_000
    happen(1)
    dispatch_due()
    answer = WebhookAttempt.objects.get().answer
    assert (len(answer), answer[:6]) == (200, "a b �x"[:6])


def test_a_large_event_goes_thin(receiver: Receiver) -> None:
    event = OutboxEvent(
        name="tests.happened", aggregate_id="1", payload={"number": "ü" * 20_000}, occurred_at=clock.now(), position=1
    )
    body = body_of(event)
    assert (b'"is_thin":true' in body, b'"data":{}' in body, len(body) <= BODY_MAX_BYTES) == (True, True, True)


def test_a_ping_goes_to_its_endpoint_alone(receivers: Callable[[int], list[Receiver]]) -> None:
    asked, other = receivers(2)
    endpoint, _ = endpoint_at(asked, event_names=["orders.placed"])
    endpoint_at(other)
    request_ping(endpoint_id=endpoint.pk)
    feed()
    dispatch_due()
    assert [request.document["type"] for request in asked.received] == ["webhooks.ping"]
    assert other.received == []


def test_what_is_switched_off_meanwhile_is_not_sent(receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    happen(1)
    update_endpoint(endpoint_id=endpoint.pk, changes=EndpointChanges(is_active=False))
    assert (dispatch_due(), receiver.received, states()) == (0, [], ["pending"])
    update_endpoint(endpoint_id=endpoint.pk, changes=EndpointChanges(is_active=True))
    assert (dispatch_due(), receiver.numbers) == (1, [1])


def test_an_endpoint_that_is_deleted_while_a_try_is_on_its_way_leaves_nothing(receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    happen(1)

    original = sending.send

    def send_and_delete(*args: object, **kwargs: object) -> object:
        answered = original(*args, **kwargs)  # type: ignore[arg-type]
        delete_endpoint(endpoint_id=endpoint.pk)
        return answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "send", send_and_delete)
        assert dispatch_due() == 1
    assert [model.objects.count() for model in (WebhookEndpoint, WebhookDelivery, WebhookAttempt)] == [0, 0, 0]


def test_an_endpoint_in_somebodys_hands_is_left_alone_until_the_lease_is_over(receiver: Receiver) -> None:
    endpoint_at(receiver)
    happen(1)
    now = clock.now()
    assert len(list(claim_due(now=now, limit=10))) == 1  # and dies
    assert dispatch_due(now) == 0
    assert dispatch_due(now + LEASE + SECOND) == 1
    assert receiver.numbers == [1]


def test_no_secret_address_or_answer_is_in_a_log(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    _, secret = endpoint_at(receiver)
    WebhookEndpoint.objects.update(url=f"{receiver.url}?token=canary-91")
    receiver.status, receiver.body = 500, b"canary-92"
    happen(1)
    with caplog.at_level(logging.DEBUG, logger="shop"):
        dispatch_due()
    assert len(receiver.received) == 1
    told = " ".join(str(vars(record)) for record in caplog.records)
    assert "a webhook did not arrive" in told
    signature = receiver.received[0].headers["webhook-signature"].removeprefix("v1,")
    assert not [word for word in (secret, secret[6:], signature, "canary-91", "canary-92") if word in told]


def test_a_secret_that_cannot_be_opened_is_a_failure_and_not_a_crash(
    receiver: Receiver, settings: LazySettings
) -> None:
    endpoint_at(receiver)
    happen(1)
    settings.SECRET_KEY, before = "another key", settings.SECRET_KEY
    now = clock.now()
    dispatch_due(now)
    assert (receiver.received, WebhookAttempt.objects.get().error) == (
        [],
        "the secret was sealed with another SECRET_KEY",
    )
    settings.SECRET_KEY_FALLBACKS = [before]
    dispatch_due(now + 6 * SECOND)
    assert receiver.numbers == [1]


def test_the_log_is_as_long_as_the_feed(receiver: Receiver, settings: LazySettings) -> None:
    settings.OUTBOX_KEEP_DAYS = 30
    endpoint_at(receiver)
    happen(1)
    dispatch_due()
    assert remove_old_deliveries(now=clock.now() + 29 * DAY) == 0
    assert remove_old_deliveries(now=clock.now() + 31 * DAY) == 1
    assert WebhookAttempt.objects.count() == 0
