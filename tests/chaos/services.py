"""Services of a test's own, to be broken at will: PostgreSQL, Redis, and a line to a broker that can be cut."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from kombu import Connection

from core.events.registry import QUEUES
from core.periodic.schedule import PERIODIC_QUEUE
from tests.core.broker_kit import wait_until
from tests.running_shop import free_port


class OwnPostgres:
    """A PostgreSQL cluster in a folder of its own, as durable as a new cluster is."""

    def __init__(self, **settings: str | int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="chaos-pg-"))
        self.port = free_port()
        self._as_whom: list[str] = []
        if os.name == "posix" and os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self._folder, "postgres")
            self._as_whom = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-D", str(self._data))
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1"
        options += "".join(f" -c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-w", "-o", options, "start")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/shop"

    def restart(self, mode: str) -> None:
        """Stop ("fast" or "immediate": like a crash) and start; accepts connections again when this returns."""
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-m", mode, "restart")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        # To a file: the server inherits the outputs of its starter, and a pipe would never end.
        with (self._folder / "pg_ctl.log").open("ab") as log:
            command = [*self._as_whom, _postgres_program(program), *arguments]
            subprocess.run(command, check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder)


def _postgres_program(name: str) -> str:
    """Return where a program of PostgreSQL is; Debian keeps the server's off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(versions[-1]) if versions else shutil.which(name)
    assert found, f"{name} is not installed"
    return found


class OwnRedis:
    """A redis-server that keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir())
        wait_until(self._answers)

    def counts(self) -> int:
        """Return how often a limit was counted."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        self.remove()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections, and never says a word."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def flushed(self) -> Iterator[None]:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
        yield

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """It refuses whatever needs memory."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "100kb")
            with contextlib.suppress(redis.exceptions.OutOfMemoryError):
                client.set("one", "too many")
                raise AssertionError("there is room left")
            yield
            client.config_set("maxmemory", "0")

    def remove(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


class Line:
    """A line to a server. Cut, it breaks every connection and refuses new ones, as a server that is gone does."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or {"amqp": 5672, "redis": 6379}[parts.scheme])
        self.port = free_port()
        account, at, _ = parts.netloc.rpartition("@")
        self.url = parts._replace(netloc=f"{account}{at}127.0.0.1:{self.port}").geturl()
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self.heal()

    def heal(self) -> None:
        self._door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            ends, self._ends = [*self._ends, self._door], []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                server = socket.create_connection(self._target)
                with self._lock:
                    self._ends += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def forget_queues(broker: str, prefix: str) -> None:
    """Remove the queues of a shop that is gone."""
    with Connection(broker) as connection:
        for name in (*QUEUES, PERIODIC_QUEUE):
            connection.default_channel.queue_delete(f"{prefix}{name}")


def rows(url: str, query: str, *given: object) -> list[tuple[object, ...]]:
    """Ask a database from outside of the shop."""
    with psycopg.connect(url) as connection:
        return connection.execute(query, given).fetchall()  # type: ignore[arg-type]
