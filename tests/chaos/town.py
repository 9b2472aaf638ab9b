"""The shop that chaos is made around, on services of its own."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ids import new_id
from tests.chaos.report import scale
from tests.chaos.services import Line, OwnPostgres, OwnRedis, forget_queues, rows
from tests.concurrency.test_kill_nine import restock
from tests.running_shop import RunningShop, running_shop


@dataclasses.dataclass
class Surroundings:
    """The shop and what it stands on; `product` has stock without end, so has `other`."""

    shop: RunningShop
    postgres: OwnPostgres
    redis: OwnRedis
    broker: Line
    product: str
    other: str


@contextlib.contextmanager
def running_town(folder: Path) -> Iterator[Surroundings]:
    """Give a shop on PostgreSQL, Redis and a line to RabbitMQ of its own; in the end its books are right."""
    postgres, redis, broker = OwnPostgres(), OwnRedis(), Line(os.environ["CELERY_TEST_AMQP_URL"])
    settings = {
        "REDIS_URL": redis.url,
        "CELERY_BROKER_URL": broker.url,
        "BROKER_PREFIX": f"chaos-{new_id().hex}.",
        "THROTTLE_ENABLED": "true",
        "TRUSTED_PROXIES": "1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", postgres.url)
            with running_shop(folder, **settings) as shop:
                town = Surroundings(shop, postgres, redis, broker, *two_products(shop))
                yield town
                expect_order(shop)
    finally:
        broker.cut()
        forget_queues(os.environ["CELERY_TEST_AMQP_URL"], settings["BROKER_PREFIX"])
        redis.remove()
        postgres.remove()


def expect_order(shop: RunningShop) -> None:
    """Nothing is left lying once the background work has caught up with the crowd, and the books are right."""
    shop.wait_for(lambda: _backlog(shop) == 0, scale(60, 180))
    check = shop.manage("verify_invariants", "--max-age", "60", check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def two_products(shop: RunningShop) -> tuple[str, str]:
    """Return the ids of two products, of which there is stock without end."""
    found = shop.ask("GET", "/api/v1/products/?in_stock=true&page_size=100").body["results"]
    product, other = (entry["id"] for entry in found[:2])
    for product_id in (product, other):
        restock(shop, product_id)
    return product, other


def _backlog(shop: RunningShop) -> int:
    """Return how many events and deliveries are waiting."""
    counted = rows(
        shop.database_url,
        "SELECT (SELECT count(*) FROM core_outbox_event WHERE dispatched_at IS NULL)"
        " + (SELECT count(*) FROM core_outbox_delivery WHERE state <> 'done')",
    )
    return int(str(counted[0][0]))
