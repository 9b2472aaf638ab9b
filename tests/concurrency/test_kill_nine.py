"""kill -9 of server and worker, at random, while people shop: nothing acknowledged is lost, nothing doubles."""

import contextlib
import http.client
import os
import random
import re
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.events.leasing import LEASE_SECONDS
from core.ids import new_id
from tests.conftest import on_postgresql
from tests.running_shop import Answer, RunningShop, running_shop

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "50" if on_postgresql() else "15"))  # the promise is about PostgreSQL
SHOPPERS, FEWEST_ORDERS = 4, 20
LONGEST_PURCHASE_STEP_SECONDS = 120.0
ADDRESS = "12 Lake Road, Austin"
ORDER_NUMBER = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


class Shopper(threading.Thread):
    """A guest who buys one thing after another and repeats every request, with its key, until it is answered."""

    def __init__(self, shop: RunningShop, product_id: str, last_purchase: threading.Event) -> None:
        super().__init__()
        self.shop, self.product_id, self.last_purchase = shop, product_id, last_purchase
        self.acknowledged: list[dict[str, Any]] = []
        self.surprises: list[str] = []

    def run(self) -> None:
        try:
            while not self.last_purchase.is_set():
                self.buy()
        except AssertionError as error:
            self.surprises.append(str(error))

    def buy(self) -> None:
        added = self.insist("/api/v1/cart/add/", {"product_id": self.product_id, "quantity": 1})
        token = added.headers["x-cart-token"]
        order = self.insist(
            "/api/v1/cart/checkout/",
            {"shipping_address": ADDRESS, "email": f"{new_id().hex}@example.com", "payment_method": "simulated"},
            X_Cart_Token=token,
        ).body
        self.acknowledged.append(order)
        paid = self.insist(
            "/api/v1/payments/process/",
            {"order_id": order["id"], "provider": "simulated"},
            X_Order_Token=order["order_token"],
        ).body
        assert paid["status"] in {"succeeded", "processing", "pending"}, paid

    def insist(self, path: str, data: dict[str, Any], **headers: str) -> Answer:
        """Send until a final answer comes: broken lines, 503 and "still in flight" are tried again."""
        key = str(new_id())
        deadline = time.monotonic() + LONGEST_PURCHASE_STEP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self.shop.ask("POST", path, data, Idempotency_Key=key, **headers)
                if answer.status == 201:
                    return answer
                code = answer.body["code"]
                assert answer.status == 503 or code == "request_in_flight", (path, answer.status, answer.body)
            time.sleep(0.05)
        raise AssertionError(f"{path} was never answered")


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    with running_shop(tmp_path, with_quick_starts=True, IDEMPOTENCY_LEASE_SECONDS="3") as started:
        yield started


def test_random_kills_lose_and_double_nothing(shop: RunningShop) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    products = shop.ask("GET", "/api/v1/products/?in_stock=true&page_size=100").body["results"]
    product = max(products, key=lambda entry: entry["stock_quantity"])
    restock(shop, product["id"])
    last_purchase = threading.Event()
    shoppers = [Shopper(shop, product["id"], last_purchase) for _ in range(SHOPPERS)]
    for shopper in shoppers:
        shopper.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 0.8))
            victim = chance.choice(["server", "worker"])
            shop.kill(victim)
            shop.start(victim)
            if victim == "server":
                shop.wait_until_ready()
        shop.wait_for(lambda: acknowledged_by(shoppers) >= FEWEST_ORDERS, 120)
    finally:
        last_purchase.set()  # what a kill interrupted is finished, though
        for shopper in shoppers:
            shopper.join()
    orders = [order for shopper in shoppers for order in shopper.acknowledged]
    assert [surprise for shopper in shoppers for surprise in shopper.surprises] == []
    assert len(orders) >= FEWEST_ORDERS
    shop.kill("worker")
    shop.start("worker", ahead_seconds=LEASE_SECONDS + 1)  # for it, what dead workers had begun is free
    wait_for_confirmations(shop, {order["order_number"] for order in orders})
    shop.wait_for(lambda: shop.ask("GET", "/api/health_check/").body["parts"]["outbox"] == "ok", 60)

    check = shop.manage("verify_invariants", check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    for order in orders:
        seen = shop.ask("GET", f"/api/v1/orders/{order['id']}/", X_Order_Token=order["order_token"])
        assert (seen.status, seen.body["order_number"]) == (200, order["order_number"])
    doubled = {number: ids for number, ids in confirmations(shop).items() if len(ids) != 1}
    assert doubled == {}
    print(f"{len(orders)} acknowledged orders, {KILLS} kills")


def restock(shop: RunningShop, product_id: str) -> None:
    """Give the product enough stock for the whole run, through the API."""
    login = {"email": "admin@example.com", "password": "demo-shop-pass"}
    access = shop.ask("POST", "/api/v1/auth/login/", login).body["access"]
    path = f"/api/v1/products/{product_id}/"
    answer = shop.ask("PATCH", path, {"stock_quantity": 100_000}, Authorization=f"Bearer {access}")
    assert answer.status == 200, answer.body


def acknowledged_by(shoppers: list[Shopper]) -> int:
    return sum(len(shopper.acknowledged) for shopper in shoppers)


def wait_for_confirmations(shop: RunningShop, numbers: set[str]) -> None:
    """Wait as long as mails keep coming: a busy machine sends them slowly, but a minute without any is too long."""

    def mailed() -> int:
        return sum(path.stat().st_size for path in (shop.folder / "var" / "mail").glob("*.log"))

    while True:
        before = mailed()  # asked first: to read thousands of mails takes long enough for the last of them to come
        if numbers <= confirmations(shop).keys():
            return
        shop.wait_for(lambda: mailed() > before, 60)  # noqa: B023 - called at once


def confirmations(shop: RunningShop) -> dict[str, Counter[str]]:
    """Return the Message-IDs of order confirmations by order number; a resent copy carries the same id."""
    found: dict[str, Counter[str]] = {}
    for mail in shop.mails():
        if "order_confirmation" not in str(mail["Message-ID"]):
            continue
        number = ORDER_NUMBER.search(str(mail["Subject"]))
        assert number is not None, mail["Subject"]
        found.setdefault(number[0], Counter())[str(mail["Message-ID"])] += 1
    return found
