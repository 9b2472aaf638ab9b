"""Too much at once: a stock row somebody sits on, threads that are all stuck, a database without a free connection.

Who can be served is served as before; the others are told 503 with `Retry-After`, soon.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.ids import new_id
from tests.chaos.buyers import Buyer, Crowd, shopping
from tests.chaos.report import IS_FULL, note, scale
from tests.chaos.services import OwnPostgres
from tests.chaos.strangers import all_connections_taken, held_row, waiting_for_locks
from tests.chaos.town import expect_order, two_products
from tests.running_shop import RunningShop, running_shop

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
HELD_AT_MOST = 3.0  # seconds, for a checkout of the held product
STUCK_AT_MOST = 6.0  # seconds, for the same when there is a crowd: it waits for its place too
SOON = 2.0  # seconds, for whoever is not behind the held row
CONNECTIONS = 60  # of the cluster: the server's threads, the worker and the test need half of them
PLACES = 8  # two server processes, four requests at once in each
THREADS = 24
MUCH_SLOWER = 1.2


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    postgres = OwnPostgres(max_connections=CONNECTIONS)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", postgres.url)
            with running_shop(tmp_path_factory.mktemp("overload"), CATALOGUE_CACHE_SECONDS="60") as shop:
                yield shop
                expect_order(shop)
    finally:
        postgres.remove()


@pytest.fixture(scope="module")
def products(shop: RunningShop) -> tuple[str, str]:
    return two_products(shop)


def test_aheld_row_holds_up_nobody_else(shop: RunningShop, products: tuple[str, str]) -> None:
    """Calm and trouble take turns, so that both figures are of the same minutes."""
    product, other = products
    rounds, seconds = scale(1, 8), 8.0
    calm, troubled, refused = Crowd(), Crowd(), Crowd()
    _buy_for(2.0, Crowd(), shop, other)
    for _ in range(rounds):
        _buy_for(seconds, calm, shop, other)
        with held_row(shop, product), ThreadPoolExecutor() as pool:
            behind_it = pool.submit(_buy_for, seconds - HELD_AT_MOST, refused, shop, product)
            _buy_for(seconds, troubled, shop, other)
            behind_it.result()

    checkouts = [entry for entry in refused.seen if "checkout" in entry.path]
    assert {(entry.status, entry.code, bool(entry.retry_after)) for entry in checkouts} == {(503, "busy", True)}
    assert set(calm.statuses()) == set(troubled.statuses()) == {201}
    wait, was, now = refused.slowest("checkout"), calm.percentile(0.95), troubled.percentile(0.95)
    note(
        "17",
        f"row held {rounds * seconds:.0f} s: {len(checkouts)} checkouts 503 `busy` after {wait:.2f} s at most;"
        f" others ({len(calm.seen)} and {len(troubled.seen)} requests) p95 {was * 1000:.0f} -> {now * 1000:.0f} ms",
    )
    assert wait <= HELD_AT_MOST
    assert troubled.slowest() <= SOON
    assert Buyer(shop).buy(product) is not None
    if IS_FULL:
        assert now <= MUCH_SLOWER * was


def test_stuck_threads_do_not_keep_others_waiting(shop: RunningShop, products: tuple[str, str]) -> None:
    """More people want the held product than requests are worked on at once."""
    stuck, visitors = _visit_while_stuck(shop, products[0], places=PLACES, seconds=scale(8, 60))

    shed = [entry for entry in visitors.seen if entry.status == 503]
    assert set(visitors.statuses()) == {200, 503}
    assert {(entry.code, bool(entry.retry_after)) for entry in shed} == {("busy", True)}
    assert set(stuck.statuses()) <= {201, 503}
    assert stuck.orders == []
    note(
        "17",
        f"all {PLACES} places stuck: of {len(visitors.seen)} others {len(shed)} were told 503, after"
        f" {visitors.slowest():.2f} s at most; those stuck after {stuck.slowest():.2f} s",
    )
    assert visitors.slowest() <= SOON
    assert stuck.slowest() <= STUCK_AT_MOST
    begun = time.monotonic()
    shop.wait_for(lambda: Buyer(shop).buy(products[0]) is not None, 30)
    assert time.monotonic() - begun <= 5


def test_without_a_waiting_room_others_wait_for_the_stuck(shop: RunningShop, products: tuple[str, str]) -> None:
    """The control: with the same threads and no limit the others stand behind whoever is stuck."""
    with _restarted(shop, REQUESTS_AT_ONCE="0"):
        _, visitors = _visit_while_stuck(shop, products[0], places=THREADS, seconds=10)
    assert visitors.slowest() > SOON


def test_without_a_free_connection_everybody_is_told_soon(shop: RunningShop, products: tuple[str, str]) -> None:
    known = f"/api/v1/products/{products[1]}/"
    _fill_memory(shop, known)
    buyers = [Buyer(shop) for _ in range(scale(8, 80))]
    for buyer in buyers:
        buyer.add(products[0])
        buyer.seen.clear()
    begun = time.monotonic()
    with all_connections_taken(shop):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(_ask_all, buyers))
        probe, from_memory = shop.ask("GET", "/readyz"), shop.ask("GET", known)
    taken_seconds = time.monotonic() - begun
    begun = time.monotonic()
    shop.wait_for(lambda: Buyer(shop).buy(products[0]) is not None, 30)
    recovery = time.monotonic() - begun

    seen = [entry for buyer in buyers for entry in buyer.seen]
    assert {(entry.status, entry.code, bool(entry.retry_after)) for entry in seen} == {(503, "unavailable", True)}
    assert (probe.status, probe.headers["retry-after"]) == (503, "2")
    assert from_memory.status == 200
    slowest = max(entry.seconds for entry in seen)
    note(
        "17",
        f"no connection free for {taken_seconds:.1f} s: {len(seen)} requests 503 after {slowest:.2f} s at most, a page"
        f" in memory 200; served again after {recovery:.2f} s",
    )
    assert slowest <= SOON
    assert recovery <= 5


def _buy_for(seconds: float, crowd: Crowd, shop: RunningShop, product_id: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        buyer = Buyer(shop)
        crowd.note(buyer, buyer.buy(product_id))
        time.sleep(0.05)  # so that the background work of a long run is not what is measured


def _visit_while_stuck(shop: RunningShop, product_id: str, *, places: int, seconds: float) -> tuple[Crowd, Crowd]:
    """Let 48 people want the held product until so many places are stuck, and others search the shop meanwhile."""
    visitors = Crowd()
    with held_row(shop, product_id), shopping(shop, product_id, buyers=48) as stuck:
        shop.wait_for(lambda: waiting_for_locks(shop) >= places)
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(4) as pool:
            for crowd in pool.map(lambda _: _search(shop, until), range(4)):
                visitors.seen += crowd.seen
    return stuck, visitors


def _search(shop: RunningShop, until: float) -> Crowd:
    crowd = Crowd()
    while time.monotonic() < until:
        visitor = Buyer(shop)
        visitor.ask("GET", _new_search())
        crowd.note(visitor, None)
        time.sleep(0.05)
    return crowd


@contextlib.contextmanager
def _restarted(shop: RunningShop, **environment: str) -> Iterator[None]:
    """Run the server with other settings for the time of the block."""
    before = shop.environment
    _restart_server(shop, {**before, **environment})
    try:
        yield
    finally:
        _restart_server(shop, before)


def _restart_server(shop: RunningShop, environment: dict[str, str]) -> None:
    shop.kill("server")
    shop.environment = environment
    shop.start("server")
    shop.wait_until_ready()


def _fill_memory(shop: RunningShop, path: str) -> None:
    """Ask so often, and by so many at once, that both processes keep the answer: an idle one may take all that come
    one after the other."""
    with ThreadPoolExecutor(16) as pool:
        assert {answer.status for answer in pool.map(lambda _: shop.ask("GET", path), range(320))} == {200}


def _ask_all(buyer: Buyer) -> None:
    """Ask for one of each that needs the database."""
    asked: list[Callable[[], object]] = [
        lambda: buyer.ask("GET", "/api/v1/cart/"),
        lambda: buyer.add("0198c5a0-0000-7000-8000-000000000000"),
        lambda: buyer.check_out(),
        lambda: buyer.ask("POST", "/api/v1/auth/login/", {"email": "somebody@example.com", "password": "a guess"}),
        lambda: buyer.ask("GET", _new_search()),
    ]
    for ask in asked:
        ask()


def _new_search() -> str:
    return f"/api/v1/products/?search={new_id().hex}"
