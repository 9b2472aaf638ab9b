"""The Celery application: `celery -A config worker`, `celery -A config beat`. Used only where a broker is set.

Celery carries hints, the outbox is the truth: a message that is lost is sent again, one that comes twice is dropped
(core/events/forwarding.py). So there are no results, no retries and no delays here; they are rows.
"""

import logging
import os
from typing import Any

import billiard.pool
import django
from celery import Celery, signals
from django.apps import apps
from django.conf import settings
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")  # they ask the database, which may not be up yet
if not apps.ready:
    django.setup()

from core.events.forwarding import BROKER_SECONDS, queue_name
from core.events.registry import QUEUES
from core.periodic.schedule import PERIODIC_QUEUE, beat_schedule

TASK_MODULES = ("core.events.tasks",)
QUIET_LOGGERS = ("celery.app.trace", "celery.worker.strategy", "celery.worker.request", "celery.beat")
LONGEST_TASK_SECONDS = 3600
CONNECTIONS_KEPT_FOR_TASKS = 1000
# A worker's process that is told to stop waits until all its results were read. In a shutdown they sometimes are not,
# and it would wait for half a minute. A message whose result nobody read comes again, and finds its delivery done.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20  # times a tenth of a second


def transport_options() -> dict[str, Any]:
    """Return what every connection to the broker is told: no call hangs, and RabbitMQ confirms what it was given."""
    if settings.CELERY_BROKER_URL.startswith("amqp"):
        return {
            "confirm_publish": True,
            "connect_timeout": BROKER_SECONDS,
            "read_timeout": BROKER_SECONDS,
            "write_timeout": BROKER_SECONDS,
        }
    return {
        "socket_timeout": BROKER_SECONDS,
        "socket_connect_timeout": BROKER_SECONDS,
        "socket_keepalive": True,
        "visibility_timeout": LONGEST_TASK_SECONDS,
        "global_keyprefix": settings.BROKER_PREFIX,
    }


def _queue(name: str) -> Queue:
    return Queue(name, Exchange(name, type="direct"), routing_key=name)


app = Celery("shop", set_as_current=True)
app.conf.update(
    # The broker
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_timeout=BROKER_SECONDS,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_heartbeat=10,
    broker_transport_options=transport_options(),
    # Messages
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_publish_retry=False,
    task_queues=[_queue(queue_name(name)) for name in (*QUEUES, PERIODIC_QUEUE)],
    task_default_queue=queue_name("default"),
    task_create_missing_queues=False,
    # Workers: a message is done when its task is, and one process takes one at a time
    imports=TASK_MODULES,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    # Beat: which jobs ran when is in the database, so it keeps no file
    beat_scheduler="celery.beat:Scheduler",
    beat_schedule=beat_schedule(),
    timezone="UTC",
)
app.conf["CELERY_DB_REUSE_MAX"] = CONNECTIONS_KEPT_FOR_TASKS  # tasks look after their connection themselves


@signals.setup_logging.connect  # type: ignore[untyped-decorator,unused-ignore]
def keep_our_logging(**_: Any) -> None:
    """Leave logging as Django set it up, without a line for each message."""
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
