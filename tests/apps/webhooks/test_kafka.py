"""Events in Kafka: on librdkafka's own mock cluster, which speaks the protocol over loopback."""

import json
import socket
from collections import defaultdict
from collections.abc import Iterator

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from django.conf import LazySettings
from django.db import transaction

from apps.webhooks.sinks import kafka as kafka_sink
from apps.webhooks.sinks.kafka import KafkaSink, NotAcknowledged, topic_of
from core import clock
from core.events.fanout import fan_out
from core.events.feed import StoredEvent, last_position, read_feed
from core.events.models import SinkCursor
from core.events.publishing import publish
from core.events.sinks import LEASE, add_cursor, pump_all
from core.ids import new_id
from tests.core.event_kit import SOON as ONE_SECOND
from tests.core.event_kit import Happened, later
from tests.ports import free_port


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Three brokers of a mock cluster, which lives as long as the client that holds it."""
    holder = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "mock", "log_level": 0})
    known = holder.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in known)
    kafka_sink._producers.clear()
    holder.flush(1)


@pytest.fixture
def kafka(brokers: str, settings: LazySettings) -> str:
    settings.KAFKA_BOOTSTRAP_SERVERS = brokers
    settings.KAFKA_TOPIC_PREFIX = f"shop-{new_id().hex}"
    settings.EVENT_SINKS = {"kafka": "apps.webhooks.sinks.kafka.KafkaSink"}
    add_cursor("kafka", position=last_position(), now=clock.now())
    return brokers


def tell(*numbers: int) -> None:
    with transaction.atomic():
        publish(*(Happened(number=number) for number in numbers))
    while fan_out(now=clock.now()):
        pass


def read_all(brokers: str, topic: str) -> list[Message]:
    """Return all that lies in a topic, partition by partition."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "tests", "enable.partition.eof": True})
    partitions = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions_of(consumer, topic)]
    consumer.assign(partitions)
    found: list[Message] = []
    ended = 0
    while ended < len(partitions):
        [message] = consumer.consume(1, timeout=10) or [None]
        assert message is not None, "the mock cluster is gone"
        if message.error() is None:
            found.append(message)
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended += 1
    consumer.close()
    return found


def partitions_of(consumer: Consumer, topic: str) -> list[int]:
    return list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)


def headers_of(message: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in message.headers() or []}


@pytest.mark.django_db
def test_a_thousand_events_arrive_once_and_in_order_for_each_thing(kafka: str) -> None:
    tell(*(number % 100 for number in range(1000)))

    while pump_all():
        pass

    messages = read_all(kafka, topic_of("tests.happened"))
    stored = read_feed(after=0, limit=2000)
    assert len(messages) == 1000
    assert {headers_of(message)["event_id"] for message in messages} == {str(event.id) for event in stored}
    positions: dict[bytes, list[int]] = defaultdict(list)
    partitions: dict[bytes, set[int]] = defaultdict(set)
    for message in messages:
        positions[message.key()].append(json.loads(message.value())["position"])
        partitions[message.key()].add(message.partition())
    assert len(positions) == 100
    assert all(order == sorted(order) and len(order) == 10 for order in positions.values())
    assert all(len(found) == 1 for found in partitions.values())


@pytest.mark.django_db
def test_a_message_holds_the_event_as_the_feed_does(kafka: str) -> None:
    tell(7)
    assert pump_all() == 1
    [message] = read_all(kafka, topic_of("tests.happened"))
    [event] = read_feed(after=0, limit=10)
    assert message.topic() == topic_of("tests.happened")
    assert message.key() == b"7"
    assert headers_of(message) == {"event_id": str(event.id)}
    assert json.loads(message.value()) == {
        "id": str(event.id),
        "position": event.position,
        "name": "tests.happened",
        "version": 1,
        "aggregate_id": "7",
        "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "payload": {"number": 7},
    }


@pytest.mark.django_db
def test_a_batch_that_is_sent_again_is_known_by_its_ids(kafka: str) -> None:
    tell(1, 2, 3)
    events = read_feed(after=0, limit=10)
    KafkaSink().take(events)
    KafkaSink().take(events)  # the process died before its cursor moved
    messages = read_all(kafka, topic_of("tests.happened"))
    ids = [headers_of(message)["event_id"] for message in messages]
    assert (len(ids), set(ids)) == (6, {str(event.id) for event in events})


@pytest.mark.django_db
def test_while_the_brokers_are_away_the_cursor_stays_and_nothing_is_lost(kafka: str, settings: LazySettings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TIMEOUT_SECONDS = f"127.0.0.1:{free_port()}", 1
    before = SinkCursor.objects.get(sink="kafka").position
    tell(1, 2)

    assert pump_all() == 0

    cursor = SinkCursor.objects.get(sink="kafka")
    assert (cursor.position, cursor.failures) == (before, 1)
    assert cursor.last_error.startswith("apps.webhooks.sinks.kafka.NotAcknowledged: 2 of 2 events: ")
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TIMEOUT_SECONDS = kafka, 10
    assert pump_all(now=later(3 * ONE_SECOND)) == 2
    numbers = {message.key() for message in read_all(kafka, topic_of("tests.happened"))}
    assert numbers == {b"1", b"2"}


def test_brokers_that_do_not_answer_are_given_up_in_time(settings: LazySettings) -> None:
    """A port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        settings.KAFKA_BOOTSTRAP_SERVERS = f"127.0.0.1:{frozen.getsockname()[1]}"
        settings.KAFKA_TIMEOUT_SECONDS = 1
        began = clock.now()
        with pytest.raises(NotAcknowledged):
            KafkaSink().take([_event()])
        assert (clock.now() - began).total_seconds() < 5


def test_the_longest_wait_ends_well_before_another_process_takes_the_batch(settings: LazySettings) -> None:
    assert (LEASE.total_seconds(), settings.KAFKA_TIMEOUT_MAX) == (60, 45)


def _event() -> StoredEvent:
    return StoredEvent(1, new_id(), "tests.happened", 1, "1", {"number": 1}, clock.now(), "")
