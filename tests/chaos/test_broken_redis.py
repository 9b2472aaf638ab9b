"""A shop whose Redis is stopped, frozen, flushed and full: it holds counters and caches, never the truth."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from core.ids import new_id
from tests.chaos.buyers import Buyer, Crowd, shop_for_it
from tests.chaos.report import IS_FULL, note, scale
from tests.chaos.town import Surroundings, expect_order, running_town

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.rabbitmq]
STATES = ["stopped", "frozen", "flushed", "full"]
LOGIN_LIMIT = 10
PROCESSES = 2  # of the server: without Redis each counts on its own
SECONDS_AT_MOST = 2  # any request
SLOWER_AT_MOST = 2  # times


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    with running_town(tmp_path_factory.mktemp("chaos")) as town:
        yield town


@pytest.fixture(autouse=True)
def _sound_afterwards(town: Surroundings) -> Iterator[None]:
    """The full form looks after every row; the short form once, in the end."""
    yield
    if IS_FULL:
        expect_order(town.shop)


@pytest.mark.parametrize("state", STATES)
def test_redis_is_no_truth(town: Surroundings, state: str) -> None:
    buyer = Buyer(town.shop)
    buyer.add(town.product)
    _wait_until_redis_counts(town)
    with _broken(town, state):
        cart = buyer.ask("GET", "/api/v1/cart/")
        more, placed = buyer.add(town.other), buyer.check_out()
        crowd = shop_for_it(town.shop, town.product, orders=scale(4, 50))
        checked, refused = _guess_passwords(town, crowd)

    assert cart is not None
    assert cart.body["total_items"] == 1
    assert [answer and answer.status for answer in (more, placed)] == [201, 201]
    assert len(crowd.orders) == scale(4, 50)
    assert 0 < checked <= LOGIN_LIMIT * PROCESSES
    assert refused > 0
    slowest = max(entry.seconds for entry in (*buyer.seen, *crowd.seen))
    note("14", f"Redis {state}: cart kept, {checked} passwords looked at, slowest {slowest:.2f} s")
    assert slowest <= SECONDS_AT_MOST


@pytest.mark.parametrize("state", STATES)
def test_the_catalogue_is_read_as_before(town: Surroundings, state: str) -> None:
    """In turns, so that both figures are of the same minutes. Most pages come from memory and never ask Redis; a search
    that nobody made before is counted there."""
    rounds, searches = scale(1, 6), scale(3, 25)
    normal, broken = Crowd(), Crowd()
    for _ in range(rounds):
        _wait_until_redis_counts(town)
        before = town.redis.counts()
        _read_catalogue(town, normal, searches)
        assert town.redis.counts() - before >= searches
        with _broken(town, state):
            _read_catalogue(town, broken, searches)

    reads = rounds * searches * 4
    assert (normal.statuses(), broken.statuses()) == ({200: reads}, {200: reads})
    milliseconds = [crowd.percentile(0.95, path) * 1000 for path in ("", "search") for crowd in (normal, broken)]
    line = "{} + {} reads served, p95 {:.0f} -> {:.0f} ms, of searches, which ask it, {:.0f} -> {:.0f} ms"
    note("14", f"Redis {state}: {line.format(reads, reads, *milliseconds)}")
    assert broken.slowest() <= SECONDS_AT_MOST
    if IS_FULL:
        assert broken.percentile(0.95) <= SLOWER_AT_MOST * normal.percentile(0.95)


def test_pages_from_memory_never_ask_redis(town: Surroundings) -> None:
    path = f"/api/v1/products/{town.product}/"
    reader = Buyer(town.shop)
    asked = []
    for _ in range(20):
        before = town.redis.counts()
        reader.ask("GET", path)
        asked.append(town.redis.counts() - before)
    assert {entry.status for entry in reader.seen} == {200}
    assert asked.count(0) >= 10, "it is built anew each time"


def _broken(town: Surroundings, state: str) -> AbstractContextManager[None]:
    breaks: AbstractContextManager[None] = getattr(town.redis, state)()
    return breaks


def _read_catalogue(town: Surroundings, crowd: Crowd, times: int) -> None:
    """Read list, product, categories and a search that is in no memory, so often, each as somebody else."""
    known = ["/api/v1/products/", f"/api/v1/products/{town.product}/", "/api/v1/categories/"]
    for _ in range(times):
        for path in (*known, _new_search()):
            reader = Buyer(town.shop)
            reader.ask("GET", path)
            crowd.note(reader, None)
            time.sleep(0.02)  # so that a round lasts longer than one rest that a process takes from Redis


def _wait_until_redis_counts(town: Surroundings) -> None:
    """A process that missed Redis counts on its own for a while: wait until none does."""

    def every_search_is_counted() -> bool:
        before = town.redis.counts()
        for _ in range(12):
            Buyer(town.shop).ask("GET", _new_search())
        return town.redis.counts() - before >= 12

    town.shop.wait_for(every_search_is_counted, 60)


def _new_search() -> str:
    return f"/api/v1/products/?search={new_id().hex}"


def _guess_passwords(town: Surroundings, crowd: Crowd) -> tuple[int, int]:
    """Try passwords from one network at many accounts; return how many were looked at and how many were not."""
    guesser = Buyer(town.shop)
    for _ in range(LOGIN_LIMIT * PROCESSES + 10):
        guesser.ask("POST", "/api/v1/auth/login/", {"email": f"{new_id().hex}@example.com", "password": "a guess"})
    statuses = [entry.status for entry in guesser.seen]
    crowd.seen += guesser.seen
    assert set(statuses) <= {401, 429}
    return statuses.count(401), statuses.count(429)
