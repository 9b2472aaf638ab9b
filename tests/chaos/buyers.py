"""People who shop while something is broken, and what they saw."""

import contextlib
import dataclasses
import http.client
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from core.ids import new_id
from tests.chaos.services import rows
from tests.concurrency.test_kill_nine import ADDRESS, confirmations
from tests.running_shop import Answer, RunningShop

BUYERS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One request: what it was, when it was answered, after how many seconds; status 0 is a broken line, `code` that of
    a refusal."""

    path: str
    status: int
    code: str
    retry_after: str
    at: float
    seconds: float


class Buyer:
    """A guest in a network of their own (the shop is told of one proxy), who notes every answer."""

    def __init__(self, shop: RunningShop, *, network: str = "") -> None:
        self.shop, self.seen = shop, list[Seen]()
        self.network = network or _network()
        self.cart_token = ""

    def ask(self, method: str, path: str, data: Any = None, **headers: str) -> Answer | None:
        """Ask once; None when the line broke."""
        begun = time.monotonic()
        answer = None
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self.shop.ask(
                method, path, data, X_Forwarded_For=self.network, X_Cart_Token=self.cart_token, **headers
            )
            self.cart_token = answer.headers.get("x-cart-token", self.cart_token)
        now = time.monotonic()
        status, retry_after = (answer.status, answer.headers.get("retry-after", "")) if answer else (0, "")
        code = answer.body["code"] if answer and answer.body and status >= 400 else ""
        self.seen.append(Seen(path, status, code, retry_after, now, now - begun))
        return answer

    def add(self, product_id: str) -> Answer | None:
        return self.ask("POST", "/api/v1/cart/add/", {"product_id": product_id, "quantity": 1})

    def check_out(self, key: str = "") -> Answer | None:
        order = {"shipping_address": ADDRESS, "email": f"{new_id().hex}@example.com", "payment_method": "cod"}
        return self.ask("POST", "/api/v1/cart/checkout/", order, Idempotency_Key=key or str(new_id()))

    def buy(self, product_id: str) -> dict[str, Any] | None:
        """Buy once, trying nothing twice; return the order, None when it was not acknowledged."""
        added = self.add(product_id)
        if added is None or added.status != 201:
            return None
        placed = self.check_out()
        return placed.body if placed is not None and placed.status == 201 else None


@dataclasses.dataclass(slots=True)
class Crowd:
    """What several buyers saw together, and the orders that were acknowledged."""

    seen: list[Seen] = dataclasses.field(default_factory=list)
    orders: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def note(self, buyer: Buyer, order: dict[str, Any] | None) -> None:
        self.seen += buyer.seen
        self.orders += [order] if order else []

    def numbers(self) -> set[str]:
        return {order["order_number"] for order in self.orders}

    def statuses(self) -> Counter[int]:
        return Counter(entry.status for entry in self.seen)

    def slowest(self, path: str = "") -> float:
        return max(entry.seconds for entry in self.seen if path in entry.path)

    def percentile(self, share: float, path: str = "") -> float:
        seconds = sorted(entry.seconds for entry in self.seen if path in entry.path)
        return seconds[int(len(seconds) * share)]


def shop_for_it(shop: RunningShop, product_id: str, *, orders: int) -> Crowd:
    """Let several people place so many orders between them, each trying once."""
    todo, crowd = queue.SimpleQueue[int](), Crowd()
    for number in range(orders):
        todo.put(number)

    def goes_on() -> bool:
        with contextlib.suppress(queue.Empty):
            return todo.get_nowait() >= 0
        return False

    for thread in _start(shop, product_id, crowd, buyers=BUYERS, goes_on=goes_on):
        thread.join()
    return crowd


@contextlib.contextmanager
def shopping(shop: RunningShop, product_id: str, *, buyers: int, rest_seconds: float = 0) -> Any:
    """Let several people buy one thing after another, with rests, while the block runs; gives the Crowd, filled at the
    end."""
    over, crowd = threading.Event(), Crowd()
    threads = _start(shop, product_id, crowd, buyers=buyers, goes_on=lambda: not over.wait(rest_seconds))
    try:
        yield crowd
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _start(
    shop: RunningShop, product_id: str, crowd: Crowd, *, buyers: int, goes_on: Callable[[], bool]
) -> Iterable[threading.Thread]:
    lock = threading.Lock()

    def go_shopping() -> None:
        while True:
            if not goes_on():
                return
            buyer = Buyer(shop)
            order = buyer.buy(product_id)
            with lock:
                crowd.note(buyer, order)
            if order is None:
                time.sleep(0.05)  # somebody who is refused takes a breath

    threads = [threading.Thread(target=go_shopping) for _ in range(buyers)]
    for thread in threads:
        thread.start()
    return threads


def expect_one_mail_each(shop: RunningShop, numbers: set[str], *, seconds: float = 60) -> float:
    """Wait until each order is confirmed by mail; return how long it took. When all the work is done, no order has been
    confirmed twice."""
    begun = time.monotonic()
    shop.wait_for(lambda: numbers <= set(confirmations(shop)), seconds)
    took = time.monotonic() - begun
    shop.wait_for(lambda: _work_left(shop) == 0, seconds)
    found = {number: ids for number, ids in confirmations(shop).items() if number in numbers}
    assert {number: ids for number, ids in found.items() if ids.total() != 1} == {}
    return took


def _work_left(shop: RunningShop) -> object:
    """Return how many events have not been seen by all their handlers, give or take those of the same moment."""
    ((left,),) = rows(
        shop.database_url,
        "SELECT (SELECT count(*) FROM core_outbox_event WHERE dispatched_at IS NULL)"
        " + (SELECT count(*) FROM core_outbox_delivery WHERE state = 'pending')",
    )
    return left


def _network() -> str:
    unique = new_id().int
    return f"10.{unique >> 16 & 255}.{unique >> 8 & 255}.{unique & 255}"
