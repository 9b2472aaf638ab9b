"""Real brokers for tests of the relay: queues of a test's own on RabbitMQ and Redis, and workers on them."""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import LazySettings
from django.conf import settings as django_settings
from kombu import Connection, Message, Queue

import config.celery
from core.events.registry import QUEUES
from core.ids import new_id
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
REDIS_DATABASE = 14  # of the tests of brokers: nobody flushes it


def broker_url(kind: str) -> str:
    """Return the URL of a running broker: "redis" or "rabbitmq"."""
    if kind == "rabbitmq":
        return os.environ["CELERY_TEST_AMQP_URL"]
    return urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{REDIS_DATABASE}").geturl()


def closed_port() -> int:
    """Return a port where nobody listens."""
    return free_port()


def use_broker(settings: LazySettings, url: str) -> None:
    """Let this process's relay speak to a broker, with queues that nobody else has."""
    settings.BROKER_PREFIX = f"test-{new_id().hex}."
    speak_to(settings, url)


def speak_to(settings: LazySettings, url: str) -> None:
    """Let this process's relay speak to another address, with the same queues."""
    settings.CELERY_BROKER_URL = url
    reload_app()


def reload_app() -> None:
    """Make the Celery application anew, from the settings as they are."""
    importlib.reload(config.celery)


def take(queue: str = "default") -> Message:
    """Take the oldest message of a queue."""
    with _channel() as channel:
        message = channel.basic_get(f"{django_settings.BROKER_PREFIX}{queue}", no_ack=True)
        assert message is not None, "the queue is empty"
        return message


def purge() -> int:
    """Empty the queues; return how many messages are lost."""
    with _channel() as channel:
        return sum(channel.queue_purge(name) for name in _queues())


def forget_broker() -> None:
    """Remove the queues, and what Redis keeps about them."""
    with _channel() as channel:
        for name in _queues():
            channel.queue_delete(name)
    if django_settings.CELERY_BROKER_URL.startswith("redis"):
        with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as client:
            for key in client.scan_iter(f"{django_settings.BROKER_PREFIX}*"):
                client.delete(key)


def waiting(queue: str = "default") -> int:
    """Return how many messages are in a queue."""
    with _channel() as channel:
        return int(Queue(f"{django_settings.BROKER_PREFIX}{queue}")(channel).queue_declare().message_count)


def _queues() -> list[str]:
    return [f"{django_settings.BROKER_PREFIX}{name}" for name in (*QUEUES, "periodic")]


@contextlib.contextmanager
def _channel() -> Iterator[Any]:
    with config.celery.app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=3)
        channel = connection.channel()
        for queue in config.celery.app.conf.task_queues:
            queue(channel).declare()
        yield channel


class CeleryWorker:
    """`celery worker` in a process group of its own, with the handlers of tests/core/celery_app.py."""

    def __init__(self, folder: Path, **environment: str) -> None:
        database = django_settings.DATABASES["default"]
        self.log = folder / f"celery-{new_id().hex[:8]}.log"
        variables = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:"
            f"{database['PORT']}/{database['NAME']}",
            "CELERY_BROKER_URL": django_settings.CELERY_BROKER_URL,
            "BROKER_PREFIX": django_settings.BROKER_PREFIX,
            "EFFECTS": str(folder / "effects"),
            **environment,
        }
        command = [
            sys.executable, "-m", "celery", "-A", "tests.core.celery_app", "worker", "--concurrency", "2",
            "--without-mingle", "--without-gossip",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """kill -9 the worker and its pool."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return its exit code."""
        self.process.terminate()
        return self.process.wait(30)


def wait_until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Poll until the condition holds. Raises AssertionError when it does not in time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)


class Frozen:
    """A server that takes connections and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._taken: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(self._socket.accept()[0])

    def close(self) -> None:
        for taken in (*self._taken, self._socket):
            taken.close()


class Line:
    """A line to a real broker that can be frozen: what is sent goes nowhere, and the connections stay open."""

    def __init__(self, url: str) -> None:
        self._target = Connection(url)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = urlsplit(url)._replace(netloc=self._netloc(urlsplit(url).netloc)).geturl()
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._run, daemon=True).start()

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.set()
        self._socket.close()

    def _netloc(self, netloc: str) -> str:
        account, at, _ = netloc.rpartition("@")
        return f"{account}{at}127.0.0.1:{self.port}"

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._socket.accept()[0]
                host, port = self._target.hostname or "127.0.0.1", self._target.port or self._target.default_port
                server = socket.create_connection((host, port))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                self._open.wait()
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.close()
