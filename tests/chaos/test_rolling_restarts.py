"""A deploy, seen from outside: every process is told to stop and started anew, one after another, while people buy."""

import contextlib
import itertools
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ids import new_id
from tests.chaos.buyers import expect_one_mail_each, shopping
from tests.chaos.report import IS_FULL, note, scale
from tests.chaos.services import forget_queues, rows
from tests.concurrency.test_kill_nine import restock
from tests.running_shop import RunningShop, free_port, running_shop

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.rabbitmq]
STOP_SECONDS = 30


class Balancer:
    """What stands in front of two servers: each connection goes to the next one that is in service."""

    def __init__(self, *ports: int) -> None:
        self._in_service = list(ports)
        self._turn = itertools.count()
        self._lock = threading.Lock()
        self._open = dict.fromkeys(ports, 0)
        self._door = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @contextlib.contextmanager
    def without(self, port: int) -> Iterator[None]:
        """Send nobody there, and begin when everybody who was sent there before has been answered."""
        with self._lock:
            self._in_service.remove(port)
        until = time.monotonic() + STOP_SECONDS
        while self._open[port]:
            assert time.monotonic() < until, "a request is not answered"
            time.sleep(0.01)
        yield
        with self._lock:
            self._in_service.append(port)

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with self._lock:
            port = self._in_service[next(self._turn) % len(self._in_service)]
            self._open[port] += 1
        try:
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                there = threading.Thread(target=_pump, args=(client, server), daemon=True)
                there.start()
                _pump(server, client)
                there.join()
        except OSError:
            pass  # the client sees a broken line, and counts it
        finally:
            with self._lock:
                self._open[port] -= 1


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


class Fleet:
    """Two servers of one shop behind a balancer, and the background work."""

    def __init__(self, shop: RunningShop) -> None:
        self.shop = shop
        self.ports = (shop.port, free_port())
        shop.processes[f"server {shop.port}"] = shop.processes.pop("server")
        self.start_server(self.ports[1])
        self.balancer = Balancer(*self.ports)
        shop.port = self.balancer.port

    def start_server(self, port: int) -> None:
        """Start a server and return when it answers."""
        asked, self.shop.port = self.shop.port, port
        self.shop.start("server")
        self.shop.processes[f"server {port}"] = self.shop.processes.pop("server")
        # Others go on asking the balancer meanwhile, so its port must stand again before we wait.
        self.shop.port = asked
        self.shop.wait_for(lambda: _answers(port))

    def roll(self) -> None:
        """Restart everything once."""
        for port in self.ports:
            with self.balancer.without(port):
                _stop(self.shop.processes.pop(f"server {port}"))
                self.start_server(port)
        for name in self.shop.background:
            _stop(self.shop.processes.pop(name))
            self.shop.start(name)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b" 200 " in line.recv(64)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM; it ends by itself, and in peace."""
    process.terminate()
    assert process.wait(STOP_SECONDS) == 0


@pytest.fixture(params=["rabbitmq", "embedded"] if IS_FULL else ["rabbitmq"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    broker = {}
    if request.param == "rabbitmq":
        broker = {
            "CELERY_BROKER_URL": os.environ["CELERY_TEST_AMQP_URL"],
            "BROKER_PREFIX": f"rolling-{new_id().hex}.",
        }
    with running_shop(tmp_path, REDIS_URL="", **broker) as shop:
        fleet = Fleet(shop)
        yield fleet
        fleet.balancer.close()
    if broker:
        forget_queues(broker["CELERY_BROKER_URL"], broker["BROKER_PREFIX"])


def test_a_deploy_is_not_seen(fleet: Fleet) -> None:
    shop, restarts = fleet.shop, scale(3, 10)
    product = shop.ask("GET", "/api/v1/products/?in_stock=true").body["results"][0]["id"]
    restock(shop, product)
    with shopping(shop, product, buyers=scale(4, 32), rest_seconds=scale(1, 4)) as crowd:
        for _ in range(restarts):
            fleet.roll()
    took = expect_one_mail_each(shop, crowd.numbers(), seconds=120)

    assert [entry for entry in crowd.seen if entry.status != 201] == []
    shop.wait_for(lambda: rows(shop.database_url, _UNFINISHED) == [(0,)], 60)
    assert rows(shop.database_url, _TROUBLED) == [(0,)]
    check = shop.manage("verify_invariants", "--max-age", "60", check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    figures = f"{len(crowd.seen)} requests, 0 failed, {len(crowd.orders)} orders, last mail {took:.1f} s later"
    note("19", f"{restarts} restarts of {', '.join(('2 servers', *shop.background))}: {figures}")


_UNFINISHED = (
    "SELECT (SELECT count(*) FROM core_outbox_event WHERE dispatched_at IS NULL)"
    " + (SELECT count(*) FROM core_outbox_delivery WHERE state <> 'done')"
)
_TROUBLED = "SELECT count(*) FROM core_outbox_delivery WHERE attempts <> 1 OR last_error <> ''"
