"""Forwarding: due deliveries become messages of a broker, one each, that only say which attempt shall be begun.

A message is a hint. If it is lost, the delivery is forwarded again when its lease is over, or at once when the broker
was seen to fail; if there are two, the first that is taken begins the attempt and the other finds it begun.
"""

import dataclasses
import datetime as dt
import time
import uuid
from collections.abc import Sequence

from celery import Celery
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from kombu import Connection, Producer

from core.events.leasing import due_deliveries
from core.events.models import DeliveryState, OutboxDelivery
from core.events.registry import find_handler
from core.ids import new_id

RUN_DELIVERY = "core.run_delivery"
FORWARD_LEASE = dt.timedelta(minutes=10)
DELIVERIES_PER_ROUND = 200
BROKER_SECONDS = 2  # the longest any one call to the broker takes
IDLE_SECONDS = 30  # nobody beats a heart for an idle connection, so it is not trusted for longer


class BrokerFailed(Exception):
    """The broker did not take what it was given; nothing is lost."""


@dataclasses.dataclass(frozen=True, slots=True)
class Forwarded:
    """A delivery on its way to the broker; `attempts` were begun before."""

    id: uuid.UUID
    handler: str
    attempts: int


class Forwarder:
    """Forwards due deliveries over one connection, which is thrown away at the first error."""

    def __init__(self) -> None:
        self._app: Celery = import_string(settings.CELERY_APP)
        self._lease = new_id()
        self._connection: Connection | None = None
        self._used_at = 0.0

    def forward(self, *, now: dt.datetime, limit: int = DELIVERIES_PER_ROUND) -> int:
        """Lease what is due and hand it to the broker; return how many deliveries that were.

        Raises BrokerFailed when the broker does not take them all. Those it did not confirm are free again at once.
        """
        waiting = _lease_due(lease=self._lease, now=now, limit=limit)
        if waiting:
            self._send(waiting)
        return len(waiting)

    def forget(self) -> int:
        """Let everything that was forwarded here, and that nobody has begun, be forwarded anew; return how much.

        For when the broker, or the database, has failed: what it held may be gone.
        """
        on_their_way = OutboxDelivery.objects.filter(state=DeliveryState.PENDING, lease=self._lease)
        self._lease = new_id()
        return on_their_way.update(lease=None, leased_until=None)

    def close(self) -> None:
        """Drop the connection without waiting for a farewell: a frozen broker would not answer it."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.collect(BROKER_SECONDS)

    def _send(self, waiting: Sequence[Forwarded]) -> None:
        sent = 0
        try:
            with self._producer() as producer:
                for delivery in waiting:
                    self._publish(producer, delivery)
                    sent += 1
        except Exception as error:
            self.close()
            _hand_back([delivery.id for delivery in waiting[sent:]], lease=self._lease)
            raise BrokerFailed(f"{len(waiting) - sent} of {len(waiting)} deliveries were not taken") from error

    def _producer(self) -> Producer:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        self._used_at = time.monotonic()
        if self._connection is None:
            self._connection = self._app.connection_for_write(
                heartbeat=0,
                connect_timeout=BROKER_SECONDS,
                transport_options={"max_retries": 0, "connect_retries_timeout": BROKER_SECONDS},
            )
        return Producer(self._connection, auto_declare=False)

    def _publish(self, producer: Producer, delivery: Forwarded) -> None:
        registration = find_handler(delivery.handler)
        self._app.send_task(
            RUN_DELIVERY,
            (str(delivery.id), delivery.attempts),
            queue=queue_name(registration.queue if registration else "default"),
            producer=producer,
            retry=False,
            add_to_parent=False,
            timeout=BROKER_SECONDS,
            confirm_timeout=BROKER_SECONDS,
        )


def queue_name(queue: str) -> str:
    """Return how the broker knows a queue."""
    return f"{settings.BROKER_PREFIX}{queue}"


def _lease_due(*, lease: uuid.UUID, now: dt.datetime, limit: int) -> list[Forwarded]:
    """Lease what is due, the longest due first. Attempts are not counted: nothing is begun yet."""
    due = due_deliveries(now)
    if not due.exists():  # a plain read: an idle relay takes no write lock on SQLite
        return []
    with transaction.atomic():
        locked = due.order_by("due_at", "id").select_for_update(skip_locked=True)
        rows = list(locked.values_list("id", "handler", "attempts")[:limit])
        ids = [row[0] for row in rows]
        OutboxDelivery.objects.filter(id__in=ids).update(lease=lease, leased_until=now + FORWARD_LEASE)
    return [Forwarded(*row) for row in rows]


def _hand_back(ids: Sequence[uuid.UUID], *, lease: uuid.UUID) -> None:
    """End the leases of deliveries that the broker has not confirmed, unless somebody has begun one nevertheless."""
    OutboxDelivery.objects.filter(id__in=ids, lease=lease).update(lease=None, leased_until=None)
