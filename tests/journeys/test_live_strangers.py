"""Connections of those who have not said who they are: they take nobody's place, however many they are."""

import contextlib
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from tests.apps.live.listening import Listener
from tests.journeys.test_live import registered, start_live
from tests.running_shop import RunningShop

pytestmark = pytest.mark.slow
PLACES, STRANGERS_OF_A_NETWORK = 8, 3
PATIENCE_SECONDS = 120  # longer than any of these tests takes: nobody leaves for having said nothing


@pytest.fixture(scope="module", autouse=True)
def small_live_process(shop: RunningShop) -> Iterator[None]:
    """A live process with few places, behind one proxy; each test begins with all places free."""
    before = dict(shop.environment)
    shop.environment |= {
        "LIVE_CONNECTIONS_MAX": str(PLACES),
        "LIVE_STRANGERS_PER_NETWORK": str(STRANGERS_OF_A_NETWORK),
        "LIVE_CONNECTIONS_PER_USER": str(PLACES),
        "LIVE_AUTHENTICATION_SECONDS": str(PATIENCE_SECONDS),
        "TRUSTED_PROXIES": "1",
    }
    start_live(shop)
    yield
    shop.kill("live")
    shop.environment = before


class Lines:
    """Connections through the proxy. All of them are closed after a test, and the live process has noticed."""

    def __init__(self, shop: RunningShop) -> None:
        self.shop = shop
        self.open = contextlib.ExitStack()
        self.count, self.ended_before = 0, self._ended()

    def come(self, *hops: str) -> Listener:
        """Connect as the proxy passes it on for a client of the last address, whatever the client wrote before it."""
        headers = {"X-Forwarded-For": ", ".join(hops)}
        line = Listener(self.shop.live_port, additional_headers=headers, open_timeout=30)
        self.count += 1
        return self.open.enter_context(line)

    def close(self) -> None:
        self.open.close()
        self.shop.wait_for(lambda: self._ended() == self.ended_before + self.count)

    def _ended(self) -> int:
        return (self.shop.folder / "shop.log").read_text(errors="replace").count("a live connection has ended")


@pytest.fixture
def lines(shop: RunningShop) -> Iterator[Lines]:
    found = Lines(shop)
    yield found
    found.close()


def codes(found: list[Listener]) -> list[int]:
    """Take from each line what was said; return the codes of those that were ended, 0 for those that are open."""
    return [_code(line) for line in found]


def _code(line: Listener) -> int:
    try:
        line.line.ping().wait(20)
        line.line.recv(timeout=0)
    except TimeoutError:
        return 0
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    raise AssertionError("a stranger was told something")


def test_of_one_network_few_strangers_are_there_at_once_and_the_oldest_goes(shop: RunningShop, lines: Lines) -> None:
    customer = registered(shop)
    silent = [lines.come("203.0.113.5") for _ in range(STRANGERS_OF_A_NETWORK + 4)]
    gone, left = silent[:4], silent[4:]

    assert [line.until_closed() for line in gone] == [1013] * 4
    neighbour = lines.come("203.0.113.5")
    neighbour.enter(token=customer.access)
    assert left[0].until_closed() == 1013
    lines.come("198.51.100.7").enter(token=customer.access)
    assert codes(left[1:]) == [0] * (STRANGERS_OF_A_NETWORK - 1)


@pytest.mark.parametrize(
    "hops",
    [
        [("203.0.113.5",)] * 6,
        [
            (f"198.51.100.{number}", "203.0.113.6") for number in range(6)
        ],  # what a client writes itself counts for nothing
        [(f"2001:db8:1:2::{number}",) for number in range(6)],  # one household's addresses
    ],
    ids=["one address", "forged hops", "one network of IPv6"],
)
def test_a_network_is_told_by_what_the_proxy_says(shop: RunningShop, lines: Lines, hops: list[tuple[str, ...]]) -> None:
    silent = [lines.come(*each) for each in hops]
    assert [line.until_closed() for line in silent[:3]] == [1013] * 3
    assert codes(silent[3:]) == [0] * 3


def test_strangers_of_many_networks_make_room_for_customers(shop: RunningShop, lines: Lines) -> None:
    customer = registered(shop)
    silent = [lines.come(f"203.0.113.{number}") for number in range(PLACES)]
    assert codes(silent) == [0] * PLACES
    for _ in range(PLACES - 1):
        lines.come("198.51.100.7").enter(token=customer.access)
    assert [line.until_closed() for line in silent[: PLACES - 1]] == [1013] * (PLACES - 1)
    assert codes(silent[PLACES - 1 :]) == [0]


def test_where_customers_have_all_places_nobody_else_comes_in_and_they_stay(shop: RunningShop, lines: Lines) -> None:
    customer, late = registered(shop), registered(shop)
    known = []
    for _ in range(PLACES):
        known.append(lines.come("198.51.100.7"))
        known[-1].enter(token=customer.access)
    assert lines.come("203.0.113.5").until_closed() == 1013
    for line in known:
        line.enter(token=customer.access)
    known[0].line.close()
    deadline = time.monotonic() + 30
    while not _is_let_in(lines, late.access):
        assert time.monotonic() < deadline


def _is_let_in(lines: Lines, token: str) -> bool:
    line = lines.come("203.0.113.5")
    try:
        line.enter(token=token)
    except ConnectionClosed:
        return False
    return True
