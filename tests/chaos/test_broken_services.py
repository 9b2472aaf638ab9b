"""A shop whose broker is cut off and whose database is restarted while people buy."""

import time
from collections.abc import Iterator

import pytest

from tests.chaos.buyers import Buyer, expect_one_mail_each, shop_for_it, shopping
from tests.chaos.report import IS_FULL, note, scale
from tests.chaos.services import rows
from tests.chaos.town import Surroundings, expect_order, running_town

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.rabbitmq]


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


def test_orders_do_not_need_the_broker(town: Surroundings) -> None:
    orders, away_seconds = scale(30, 200), scale(0, 300)
    town.broker.cut()
    begun = time.monotonic()
    crowd = shop_for_it(town.shop, town.product, orders=orders)
    _wait_until(begun + away_seconds)
    town.broker.heal()
    took = expect_one_mail_each(town.shop, crowd.numbers())

    assert (crowd.statuses(), len(crowd.numbers())) == ({201: 2 * orders}, orders)
    p95 = crowd.percentile(0.95, "checkout")
    note("15", f"broker away {away_seconds or 'meanwhile'}: {orders} x 201, p95 {p95:.2f} s, mails {took:.1f} s later")
    assert p95 <= 1 or not IS_FULL


def test_a_database_restart_is_a_hiccup(town: Surroundings) -> None:
    shown = town.shop.manage("shell", "-v", "0", "-c", _SHOW_DURABILITY).stdout.strip()
    assert shown == "on on"
    recoveries = []
    with shopping(town.shop, town.product, buyers=scale(4, 32), rest_seconds=scale(0, 1)) as crowd:
        for mode in ("fast", "immediate", "fast"):
            _wait_until(time.monotonic() + scale(1, 5))
            town.postgres.restart(mode)
            recoveries.append(_seconds_until_served(town))
        _wait_until(time.monotonic() + 1)

    assert set(crowd.statuses()) == {201, 503}
    assert [entry for entry in crowd.seen if entry.status == 503 and not entry.retry_after] == []
    stored = {number for (number,) in rows(town.shop.database_url, "SELECT order_number FROM orders_order")}
    assert crowd.numbers() <= stored
    assert len(crowd.orders) > 0
    worst = max(recoveries)
    note("16", f"3 restarts, answers {dict(crowd.statuses())}, served again within {worst:.2f} s, 0 orders lost")
    assert worst <= 5


_SHOW_DURABILITY = (
    "from django.db import connection; c = connection.cursor(); "
    "print(*(c.execute(f'SHOW {name}').fetchone()[0] for name in ('synchronous_commit', 'fsync')))"
)


def _seconds_until_served(town: Surroundings) -> float:
    begun = time.monotonic()
    while Buyer(town.shop).buy(town.product) is None:
        assert time.monotonic() - begun < 30, "the shop does not recover"
    return time.monotonic() - begun


def _wait_until(moment: float) -> None:
    """An outage lasts as long as it is said to."""
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))
