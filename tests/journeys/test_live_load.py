"""One live process with many clients, and with one that takes nothing."""

import base64
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.live.listening import Listener
from tests.journeys.test_live import order_something, registered, start_live
from tests.journeys.test_sale import Visitor
from tests.running_shop import RunningShop

pytestmark = pytest.mark.slow

CONNECTIONS = 200
MEGABYTES_ALLOWED = 40  # measured: docs/live.md
HEAP = """
from core import clock
from core.events.models import OutboxEvent
OutboxEvent.objects.bulk_create(
    OutboxEvent(name="notifications.created", aggregate_id={user!r}, occurred_at=clock.now(), payload={{
        "notification_id": str(number), "user_id": {user!r}, "kind": "order_paid", "title": "", "body": "x" * 4096,
        "data": {{}}, "created_at": "",
    }})
    for number in range(4000)
)
"""


@pytest.fixture(scope="module", autouse=True)
def live(shop: RunningShop) -> Iterator[None]:
    shop.environment["LIVE_CONNECTIONS_PER_USER"] = str(CONNECTIONS + 1)
    start_live(shop)
    yield
    shop.kill("live")


def megabytes_of(shop: RunningShop) -> float:
    """Return what the live process, with its workers, holds in memory of its own."""
    group = shop.processes["live"].pid
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[2]) == group:
                lines = (folder / "status").read_text().splitlines()
                found += next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return found / 1024


def test_two_hundred_connections_cost_little_and_all_are_told(
    shop: RunningShop, capsys: pytest.CaptureFixture[str]
) -> None:
    customer = registered(shop)
    with contextlib.ExitStack() as stack:
        stack.enter_context(Listener(shop.live_port)).enter(token=customer.access)
        before = megabytes_of(shop)
        lines = []
        for _ in range(CONNECTIONS):  # one after the other: of one network, few may be silent at a time
            lines.append(stack.enter_context(Listener(shop.live_port)))
            lines[-1].enter(token=customer.access)
        order = order_something(customer)
        for line in lines:
            assert line.until("event", name="orders.placed")["data"]["order_id"] == order["id"]
        after = megabytes_of(shop)
    with capsys.disabled():
        print(f"\nlive process: {before:.1f} MB, with {CONNECTIONS} more connections {after:.1f} MB")
    assert after - before < MEGABYTES_ALLOWED


def test_who_takes_nothing_is_cut_off_and_holds_up_nobody(shop: RunningShop) -> None:
    sleeper, other = registered(shop), registered(shop)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", shop.live_port))
    user = user_id_of(sleeper)
    with Listener(shop.live_port) as line, Listener(shop.live_port, sock=narrow) as asleep:
        line.enter(token=other.access)
        asleep.enter(token=sleeper.access)
        shop.manage("shell", "-c", HEAP.format(user=user))
        order = order_something(other)
        assert line.until("event", name="orders.placed")["data"]["order_id"] == order["id"]
        shop.wait_for(lambda: ended_with(shop, 4408) == [user])


def user_id_of(visitor: Visitor) -> str:
    """Return what the visitor's access token says."""
    payload = visitor.access.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])


def ended_with(shop: RunningShop, code: int) -> list[str]:
    """Return whose connections ended with that code, from the log."""
    log = (shop.folder / "shop.log").read_text(errors="replace").splitlines()
    entries = [json.loads(line) for line in log if '"shop.live"' in line and line.startswith("{")]
    return [entry["visitor"] for entry in entries if entry.get("code") == code]
