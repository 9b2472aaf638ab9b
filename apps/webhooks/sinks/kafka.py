"""The sink of Kafka: every event goes to the topic of its family, those about one thing to one partition, in order.

The producer is idempotent: what it sends again by itself is there once. A batch that is given to the sink again, as
some of it was not acknowledged, may be there twice; readers know its events by the header `event_id`.
"""

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer
from django.conf import settings

from core.events.feed import StoredEvent

_producers: dict[str, Producer] = {}
_lock = threading.Lock()
logger = logging.getLogger("shop.kafka")


class NotAcknowledged(Exception):
    """Kafka has not acknowledged all of a batch in time."""


class KafkaSink:
    """Takes events by producing them and waiting until every one is acknowledged by all replicas in sync."""

    name = "kafka"

    def take(self, events: Sequence[StoredEvent]) -> None:
        """The events are in Kafka. Raises NotAcknowledged or KafkaException; then the producer is made anew."""
        errors: list[str] = []
        producer = _producer()
        try:
            for event in events:
                _produce(producer, event, errors)
            left = producer.flush(settings.KAFKA_TIMEOUT_SECONDS)
        except (KafkaException, BufferError):
            _forget(producer)
            raise
        if left or errors:
            missing, reason = left + len(errors), errors[0] if errors else "time is over"
            _forget(producer)
            raise NotAcknowledged(f"{missing} of {len(events)} events: {reason}")


def topic_of(event_name: str) -> str:
    """Return the topic of an event: "shop.orders" for "orders.placed"."""
    return f"{settings.KAFKA_TOPIC_PREFIX}.{event_name.partition('.')[0]}"


def value_of(event: StoredEvent) -> bytes:
    """Return the event as it stands in the feed."""
    document = {
        "id": str(event.id),
        "position": event.position,
        "name": event.name,
        "version": event.version,
        "aggregate_id": event.aggregate_id,
        "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "payload": event.payload,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _produce(producer: Producer, event: StoredEvent, errors: list[str]) -> None:
    def acknowledged(error: Any, message: Any) -> None:
        if error is not None:
            errors.append(str(error))

    producer.produce(
        topic_of(event.name),
        key=event.aggregate_id.encode(),
        value=value_of(event),
        headers=[("event_id", str(event.id).encode())],
        timestamp=int(event.occurred_at.timestamp() * 1000),
        on_delivery=acknowledged,
    )
    producer.poll(0)


def _producer() -> Producer:
    """Return this process's producer for the brokers that are set: connecting takes longer than producing."""
    with _lock:
        brokers = settings.KAFKA_BOOTSTRAP_SERVERS
        if brokers not in _producers:
            _producers[brokers] = Producer(_configuration(), logger=logger)
        return _producers[brokers]


def _forget(producer: Producer) -> None:
    """Drop the producer and what it still holds: nothing of it may arrive after the batch was sent again."""
    producer.purge()
    producer.flush(1)
    with _lock:
        for brokers in [name for name, known in _producers.items() if known is producer]:
            del _producers[brokers]


def _configuration() -> dict[str, Any]:
    chosen = {
        "bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "client.id": "shop-events",
        "enable.idempotence": True,
        "linger.ms": 5,
        "message.timeout.ms": settings.KAFKA_TIMEOUT_SECONDS * 1000,
        "security.protocol": settings.KAFKA_SECURITY_PROTOCOL,
        "sasl.mechanism": settings.KAFKA_SASL_MECHANISM,
        "sasl.username": settings.KAFKA_SASL_USERNAME,
        "sasl.password": settings.KAFKA_SASL_PASSWORD,
        "log_level": 3,
    }
    return {name: value for name, value in chosen.items() if value != ""}
