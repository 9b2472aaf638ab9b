"""The relay on real brokers: everything is forwarded, nothing twice begun, and a broker that fails loses nothing."""

import datetime as dt
import json
import logging
import time
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from core import clock
from core.events import registry
from core.events.fanout import fan_out
from core.events.forwarding import FORWARD_LEASE, BrokerFailed, Forwarder, queue_name
from core.events.leasing import claim
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.events.registry import handles
from core.events.relay import Relay
from core.events.tasks import run_delivery
from core.periodic import registry as periodic_registry
from tests.core import broker_kit
from tests.core.event_kit import Happened, later, only_delivery, register, tell

pytestmark = pytest.mark.django_db
BROKERS = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _only_handlers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(periodic_registry, "_jobs", {})


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, settings: LazySettings) -> Iterator[str]:
    url = broker_kit.broker_url(request.param)
    broker_kit.use_broker(settings, url)
    yield url
    broker_kit.speak_to(settings, url)
    broker_kit.forget_broker()


@pytest.fixture
def forwarder(broker: str) -> Iterator[Forwarder]:
    forwarder = Forwarder()
    yield forwarder
    forwarder.close()


def tell_and_fan_out(*numbers: int) -> None:
    tell(*numbers)
    fan_out(now=clock.now())


def free_deliveries() -> int:
    return OutboxDelivery.objects.filter(lease=None, leased_until=None, attempts=0).count()


def test_each_delivery_becomes_one_small_message_in_its_handlers_queue(forwarder: Forwarder) -> None:
    handles(Happened, name="tests.mail", queue="mail")(lambda event, envelope: None)
    register("tests.first")
    tell_and_fan_out(1, 2)
    assert (forwarder.forward(now=clock.now()), forwarder.forward(now=clock.now())) == (4, 0)
    assert (broker_kit.waiting("default"), broker_kit.waiting("mail"), broker_kit.waiting("search")) == (2, 2, 0)
    message = broker_kit.take("mail")
    mail = OutboxDelivery.objects.filter(handler="tests.mail").order_by("id").first()
    assert mail is not None
    assert json.loads(message.body)[0] == [str(mail.id), 0]
    assert (message.content_type, message.headers["task"]) == ("application/json", "core.run_delivery")
    assert len(message.body) < 200


def test_a_message_that_is_lost_is_sent_again_when_its_lease_is_over(forwarder: Forwarder) -> None:
    register()
    tell_and_fan_out(1)
    now = clock.now()
    assert forwarder.forward(now=now) == 1
    assert broker_kit.purge() == 1
    assert forwarder.forward(now=now + FORWARD_LEASE - SECOND) == 0
    assert forwarder.forward(now=now + FORWARD_LEASE) == 1
    assert broker_kit.waiting() == 1


@pytest.mark.django_db(transaction=True)  # a task looks after its connection
def test_of_two_messages_about_one_attempt_only_the_first_has_an_effect(broker: str) -> None:
    handler = register()
    tell_and_fan_out(1)
    first, second = Forwarder(), Forwarder()
    first.forward(now=clock.now())
    second.forward(now=later(FORWARD_LEASE))
    for _ in range(2):
        run_delivery(*json.loads(broker_kit.take("default").body)[0])
    assert handler.numbers == [1]
    assert (only_delivery().state, only_delivery().attempts) == (DeliveryState.DONE, 1)
    for forwarder in (first, second):
        forwarder.close()


def test_a_relay_brings_a_committed_event_to_the_broker(broker: str) -> None:
    register()
    tell(1)
    relay = Relay()
    assert (relay.turn(), relay.turn()) == (True, False)
    assert broker_kit.waiting() == 1
    relay.close()


def test_a_frozen_broker_is_left_within_three_seconds_and_gets_everything_afterwards(
    broker: str, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    line = broker_kit.Line(broker)
    broker_kit.speak_to(settings, line.url)
    register()
    relay = Relay()
    tell(1)
    relay.turn()  # the connection is made, and used
    line.freeze()
    tell(2, 3)
    began = time.monotonic()
    with caplog.at_level(logging.ERROR, logger="shop.relay"):
        relay.turn()
    assert time.monotonic() - began < 3
    assert [record.message for record in caplog.records] == ["the broker failed the relay; trying again"]
    assert free_deliveries() == 3  # the first one as well: who knows what the broker has kept
    assert OutboxEvent.objects.filter(position=None).count() == 0  # the feed does not wait for a broker
    line.thaw()
    relay._broker_at = 0.0
    assert relay.turn() is True
    assert free_deliveries() == 0
    relay.close()
    line.close()


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
@pytest.mark.parametrize("state", ["frozen", "refusing"])
def test_a_broker_that_is_away_costs_little_time_and_nothing_else(
    settings: LazySettings, scheme: str, state: str
) -> None:
    frozen = broker_kit.Frozen()
    port = frozen.port if state == "frozen" else broker_kit.closed_port()
    broker_kit.use_broker(settings, f"{scheme}://127.0.0.1:{port}//")
    register()
    tell_and_fan_out(1, 2, 3)
    forwarder = Forwarder()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(BrokerFailed, match="3 of 3 deliveries were not taken"):
            forwarder.forward(now=clock.now())
        assert time.monotonic() - began < 3
        assert free_deliveries() == 3
    frozen.close()


def test_a_relay_rests_ever_longer_while_the_broker_is_away(settings: LazySettings) -> None:
    broker_kit.use_broker(settings, f"redis://127.0.0.1:{broker_kit.closed_port()}/0")
    register()
    tell_and_fan_out(1)
    relay, pauses = Relay(), []
    for _ in range(5):
        relay._broker_at = 0.0
        relay.turn()
        pauses.append(relay._broker_pause)
        assert relay.turn() is False  # nobody is asked meanwhile
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_what_somebody_has_begun_is_not_sent_again_after_an_outage(forwarder: Forwarder) -> None:
    register()
    tell_and_fan_out(1, 2)
    forwarder.forward(now=clock.now())
    begun, _ = OutboxDelivery.objects.order_by("id")
    assert claim(str(begun.id), attempts=0, now=clock.now()) is not None
    assert forwarder.forget() == 1
    assert forwarder.forward(now=clock.now()) == 1


def test_a_claim_names_an_attempt_and_each_attempt_is_claimed_once() -> None:
    register()
    tell_and_fan_out(1)
    delivery = str(only_delivery().id)
    first = claim(delivery, attempts=0, now=clock.now())
    assert first is not None
    assert (first.attempt, first.payload) == (1, {"number": 1})
    assert [claim(delivery, attempts=attempts, now=clock.now()) for attempts in (0, 2)] == [None, None]
    second = claim(delivery, attempts=1, now=clock.now())
    assert second is not None
    assert second.lease != first.lease


@pytest.mark.django_db(transaction=True)  # a task looks after its connection
def test_a_failed_task_leaves_its_retry_to_the_table(settings: LazySettings) -> None:
    handler = register(failures=1)
    tell_and_fan_out(1)
    run_delivery(str(only_delivery().id), 0)
    waiting = only_delivery()
    assert (waiting.state, waiting.attempts, waiting.lease) == (DeliveryState.PENDING, 1, None)
    assert waiting.due_at > later(SECOND)
    run_delivery(str(waiting.id), 1)
    assert (only_delivery().state, handler.numbers) == (DeliveryState.DONE, [1, 1])


def test_without_a_broker_there_is_no_relay(settings: LazySettings) -> None:
    settings.CELERY_BROKER_URL = ""
    with pytest.raises(CommandError, match="There is no CELERY_BROKER_URL"):
        call_command("relay")


def test_every_queue_has_the_shops_prefix(settings: LazySettings) -> None:
    settings.BROKER_PREFIX = "corner."
    assert queue_name("mail") == "corner.mail"
