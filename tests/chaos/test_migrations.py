"""Migrations of a shop with a million orders: no table is kept from everybody for longer than a second.

Every migration of the orders after the first is applied to full tables, while somebody watches the locks. In the full
form only: a million rows take a minute to write, and fewer show nothing.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.chaos.report import note
from tests.demo_data import drop_database
from tests.running_shop import RunningShop

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
ROWS = 1_000_000
LONGEST_SECONDS = 1.0
FIRST = "0001_create_orders"
TABLES = ("orders_order", "orders_orderitem", "orders_orderstatuschange")
# The rows need not be about products that are there: keys are not looked at while they are written.
FILL = """
SET session_replication_role = replica;
INSERT INTO orders_order (id, created_at, updated_at, order_number, email, order_token_hash, cart_id, status,
    payment_status, payment_method, currency, subtotal, discount_amount, shipping_cost, tax_amount, total_amount,
    prices_include_tax, pricing_steps, shipping_method_code, shipping_method_name, shipping_address, billing_address,
    notes, language, cancel_reason, version)
SELECT gen_random_uuid(), now(), now(), 'N' || n, n || '@example.com', 'hash' || n, gen_random_uuid(), 'delivered',
    'paid', 'cod', 'USD', 10, 0, 5, 1, 16, false, '[]', 'standard', 'Standard', '{"city": "Springfield"}', '{}',
    '', 'en', '', 1
FROM generate_series(1, %(rows)s) AS n;
INSERT INTO orders_orderitem (id, position, name, quantity, unit_price, discount_amount, tax_rate, tax_amount, total,
    currency, order_id, product_id, seller_id, variant_id)
SELECT gen_random_uuid(), 1, 'Lamp', 1, 10, 0, 0.1, 1, 11, 'USD', id, gen_random_uuid(), gen_random_uuid(),
    gen_random_uuid() FROM orders_order;
INSERT INTO orders_orderstatuschange (id, created_at, field, from_state, to_state, reason, order_id)
SELECT gen_random_uuid(), now(), 'status', 'shipped', 'delivered', '', id FROM orders_order;
"""
LOCKS = """
SELECT clock_timestamp(), relation::regclass::text, virtualtransaction FROM pg_locks
WHERE mode = 'AccessExclusiveLock' AND granted AND relation = ANY(%s::regclass[])
"""


class Watch:
    """Notes for how long any transaction keeps one of the tables from everybody, by the server's clock."""

    def __init__(self, url: str) -> None:
        self.seconds: dict[tuple[str, str], float] = {}
        self._first_seen: dict[tuple[str, str], object] = {}
        self._line = psycopg.connect(url, autocommit=True)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._line.close()

    @property
    def longest(self) -> float:
        return max(self.seconds.values(), default=0.0)

    def _look_on(self) -> None:
        while not self._is_over.wait(0.005):
            for moment, table, transaction in self._line.execute(LOCKS, [list(TABLES)]).fetchall():
                held = moment - self._first_seen.setdefault((table, transaction), moment)
                self.seconds[table, transaction] = held.total_seconds()


@contextmanager
def watching(url: str) -> Iterator[Watch]:
    watch = Watch(url)
    try:
        yield watch
    finally:
        watch.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    """A shop whose orders have the schema they had first, and many rows. Nothing of it runs."""
    shop = RunningShop(tmp_path_factory.mktemp("migrations"))
    try:
        shop.manage("migrate", "orders", FIRST, "--verbosity", "0")
        with psycopg.connect(shop.database_url, autocommit=True) as line:
            for statement in (FILL % {"rows": ROWS}).split(";"):
                if statement.strip():
                    line.execute(statement)
            line.execute("VACUUM ANALYZE")
        yield shop
    finally:
        shop.stop()
        drop_database(shop.database_url)


def test_migrations_keep_no_full_table_from_everybody_for_long(shop: RunningShop) -> None:
    names = [line.split()[-1] for line in shop.manage("showmigrations", "orders").stdout.splitlines() if "[ ]" in line]
    assert names[0].startswith("0002_")
    for name in names:
        with watching(shop.database_url) as watch:
            began = time.monotonic()
            shop.manage("migrate", "orders", name, "--verbosity", "0")
            took = time.monotonic() - began
        note("19", f"{name} on {ROWS} orders: {took:.1f} s, locked for everybody at most {watch.longest:.2f} s")
        assert watch.longest <= LONGEST_SECONDS
    with psycopg.connect(shop.database_url) as line:
        assert line.execute("SELECT count(*) FROM orders_order").fetchone() == (ROWS,)


def test_the_watch_sees_a_table_that_is_held(shop: RunningShop) -> None:
    with watching(shop.database_url) as watch, psycopg.connect(shop.database_url) as holder:
        holder.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
        deadline = time.monotonic() + 60
        while watch.longest <= LONGEST_SECONDS:
            assert time.monotonic() < deadline
            time.sleep(0.01)
