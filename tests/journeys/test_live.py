"""Live updates as a client sees them: a real WebSocket to a shop in its own processes."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.ids import new_id
from tests.apps.live.listening import Listener
from tests.journeys.test_sale import ADDRESS, PASSWORD, Visitor, product_in_stock
from tests.running_shop import RunningShop

pytestmark = pytest.mark.slow

WAY = ["orders.placed", "orders.paid", "orders.confirmed"]
ONWARD = ["orders.processing_started", "orders.shipped", "orders.delivered"]


@pytest.fixture(scope="module", autouse=True)
def live(shop: RunningShop) -> Iterator[None]:
    shop.environment |= {
        "LIVE_CHECK_SECONDS": "1",
        "LIVE_AUTHENTICATION_SECONDS": "4",
        "CORS_ALLOWED_ORIGINS": "https://front.example.com",
    }
    start_live(shop)
    yield
    shop.kill("live")


def start_live(shop: RunningShop) -> None:
    shop.wait_for(lambda: not is_listening(shop.live_port))  # a killed one takes a moment to let go of its port
    shop.start("live")
    shop.wait_for(lambda: plain_status(shop, "/healthz") == 200)


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def registered(shop: RunningShop) -> Visitor:
    visitor = Visitor(shop)
    visitor.register()
    return visitor


def staff_of(shop: RunningShop) -> Visitor:
    staff = Visitor(shop)
    staff.log_in("admin@example.com")
    return staff


def order_something(visitor: Visitor, **fields: Any) -> dict[str, Any]:
    product = product_in_stock(visitor)
    visitor.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)
    data = {"shipping_address": ADDRESS, "payment_method": "simulated", **fields}
    return dict(visitor.ask("POST", "orders/", data, 201).body)


def pay(visitor: Visitor, order: dict[str, Any]) -> None:
    visitor.ask("POST", "payments/process/", {"order_id": order["id"], "provider": "simulated"}, 201)


def move(staff: Visitor, order: dict[str, Any], *states: str) -> None:
    for status in states:
        staff.ask("PATCH", f"orders/{order['id']}/", {"status": status})


def close_code(shop: RunningShop, *said: str | bytes) -> int:
    """Return the code with which a stranger who says these things is sent away."""
    with Listener(shop.live_port) as stranger:
        for text in said:
            stranger.line.send(text)
        return stranger.until_closed()


def plain_status(shop: RunningShop, path: str) -> int:
    """Return what the live process answers to plain HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.live_port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def test_a_customer_sees_an_order_from_placed_to_delivered_though_the_line_breaks(shop: RunningShop) -> None:
    customer, staff = registered(shop), staff_of(shop)
    first = Listener(shop.live_port)
    start = first.enter(token=customer.access)["last_id"]
    order = order_something(customer)
    pay(customer, order)
    assert first.until("event", name="orders.confirmed")["data"]["order_id"] == order["id"]
    first.cut()
    move(staff, order, "processing", "shipped")
    with Listener(shop.live_port) as second:
        second.enter(token=customer.access, last_id=first.last_id)
        move(staff, order, "delivered")
        last = second.until("event", name="orders.delivered")
        assert (last["data"]["status"], last["data"]["order_number"]) == ("delivered", order["order_number"])
        seen = first.events() + second.events()
        assert first.told() + second.told() == WAY + ONWARD
        assert second.told() == ONWARD
        assert [message["id"] for message in seen] == sorted({message["id"] for message in seen})
    with Listener(shop.live_port) as third:  # what one sees who was away all the time
        third.enter(token=customer.access, last_id=start)
        assert [message for message in third.events() if message["id"] <= last["id"]] == seen


def test_the_live_process_is_killed_and_nothing_is_missed(shop: RunningShop) -> None:
    customer, staff = registered(shop), staff_of(shop)
    first = Listener(shop.live_port)
    first.enter(token=customer.access)
    order = order_something(customer)
    first.until("event", name="orders.placed")
    shop.kill("live")
    assert first.until_closed() == 1006
    pay(customer, order)
    move(staff, order, "processing")
    start_live(shop)
    with Listener(shop.live_port, token=customer.access) as second:
        assert second.line.subprotocol == "bearer"
        second.until("ready")
        second.say(type="resume", last_id=first.last_id)
        second.until("resumed")
        move(staff, order, "shipped", "delivered")
        second.until("event", name="orders.delivered")
        assert first.told() + second.told() == WAY + ONWARD


@pytest.mark.postgres
def test_the_database_cuts_all_lines_and_nothing_is_missed(shop: RunningShop) -> None:
    customer, staff = registered(shop), staff_of(shop)
    with Listener(shop.live_port) as line:
        line.enter(token=customer.access)
        order = order_something(customer)
        line.until("event", name="orders.placed")
        with psycopg.connect(shop.database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        pay(customer, order)
        move(staff, order, "processing", "shipped", "delivered")
        line.until("event", name="orders.delivered")
        assert line.told() == WAY + ONWARD


def test_two_customers_never_see_each_others_news(shop: RunningShop) -> None:
    people = [registered(shop), registered(shop)]
    lines = [Listener(shop.live_port), Listener(shop.live_port)]
    for person, line in zip(people, lines, strict=True):
        line.enter(token=person.access)
    orders = [order_something(person) for person in people]
    for person, order in zip(people, orders, strict=True):
        pay(person, order)
    staff = staff_of(shop)
    for order in reversed(orders):
        move(staff, order, "processing", "shipped")
    for line in lines:
        line.until("event", name="orders.shipped")
    lines[0].cut()
    with Listener(shop.live_port) as again:
        again.enter(token=people[0].access, last_id=lines[0].messages[0]["last_id"])
        assert again.told() == lines[0].told()
        for mine, other, line in ((0, 1, lines[0]), (0, 1, again), (1, 0, lines[1])):
            heard = json.dumps(line.messages)
            assert orders[mine]["order_number"] in heard
            assert orders[other]["order_number"] not in heard
            assert orders[other]["id"] not in heard
    lines[1].line.close()


def test_a_guest_follows_the_order_of_the_token_and_no_other(shop: RunningShop) -> None:
    guests = [Visitor(shop), Visitor(shop)]
    orders = [order_something(guest, email=f"guest-{new_id().hex}@example.com") for guest in guests]
    with Listener(shop.live_port) as line:
        line.enter(order_token=orders[0]["order_token"], last_id=0)
        staff = staff_of(shop)
        for guest, order in zip(guests, orders, strict=True):
            guest.order_token = order["order_token"]
            pay(guest, order)
        move(staff, orders[1], "processing")
        move(staff, orders[0], "processing")
        line.until("event", name="orders.processing_started")
        assert {message["data"]["order_id"] for message in line.events()} == {orders[0]["id"]}
        assert set(line.told("")) >= {*WAY, "orders.processing_started"}


def test_the_inbox_is_told_as_it_fills(shop: RunningShop) -> None:
    customer = registered(shop)
    with Listener(shop.live_port) as line:
        line.enter(token=customer.access)
        pay(customer, order_something(customer))
        told = line.until("event", name="notifications.created")
        assert told["data"]["kind"] in {"order_confirmed", "order_paid"}


def test_watched_stock_is_told_when_it_changes(shop: RunningShop) -> None:
    customer, buyer = registered(shop), registered(shop)
    product = product_in_stock(customer, 3)
    with Listener(shop.live_port) as line:
        line.enter(token=customer.access)
        line.say(type="watch", product_ids=[product["id"]])
        before = line.until("stock", product_id=product["id"])
        assert before["in_stock"] is True
        buyer.ask("POST", "cart/add/", {"product_id": product["id"], "quantity": 1}, 201)
        item = buyer.ask("GET", "cart/").body["items"][0]
        buyer.ask("POST", "orders/", {"shipping_address": ADDRESS, "payment_method": "simulated"}, 201)
        units = {message["variant_id"]: message["available"] for message in line.messages if message["type"] == "stock"}
        expected = units.get(item["variant_id"], before["available"]) - 1
        line.until("stock", variant_id=item["variant_id"], available=expected)


def test_who_signs_out_is_sent_away_and_others_stay(shop: RunningShop) -> None:
    leaver, other = registered(shop), registered(shop)
    with Listener(shop.live_port, token=leaver.access) as line, Listener(shop.live_port) as stays:
        line.until("ready")
        stays.enter(token=other.access)
        leaver.ask("POST", "auth/logout/", {"refresh": "none"}, expect=204)
        assert line.until_closed() == 4401
        stays.enter(token=other.access)
    assert close_code(shop, json.dumps({"type": "authenticate", "token": leaver.access})) == 4401


def test_one_connection_does_not_change_hands(shop: RunningShop) -> None:
    first, second = registered(shop), registered(shop)
    with Listener(shop.live_port) as line:
        line.enter(token=first.access)
        line.say(type="authenticate", token=second.access)
        assert line.until_closed() == 4401


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], 4401),  # nothing, for the time one has
        ([json.dumps({"type": "authenticate", "token": "forged"})], 4401),
        ([json.dumps({"type": "authenticate", "order_token": "forged"})], 4401),
        ([json.dumps({"type": "watch", "product_ids": []})], 4401),
        (["no json"], 4400),
        ([b"bytes"], 1003),
        (["x" * 8193], 1009),
        (["é" * 4097], 1009),
        (['{"type": "pong"}'], 4401),
    ],
)
def test_strangers_and_noise_are_sent_away(shop: RunningShop, said: list[str | bytes], code: int) -> None:
    assert close_code(shop, *said) == code


def test_who_talks_too_much_or_comes_too_often_is_sent_away(shop: RunningShop) -> None:
    customer = registered(shop)
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(Listener(shop.live_port)) for _ in range(10)]
        for line in lines:
            line.enter(token=customer.access)
        eleventh = stack.enter_context(Listener(shop.live_port))
        eleventh.say(type="authenticate", token=customer.access)
        assert eleventh.until_closed() == 4429
        assert lines[0].until_sent_away(type="pong") == 4429
        lines[1].enter(token=customer.access)


def test_pages_of_other_sites_and_other_paths_get_nothing(shop: RunningShop) -> None:
    customer = registered(shop)
    with pytest.raises(InvalidStatus) as refused:
        Listener(shop.live_port, token=customer.access, origin="https://evil.example.com")
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as unknown, connect(f"ws://127.0.0.1:{shop.live_port}/ws/other/"):
        pass
    assert unknown.value.response.status_code == 403
    assert [plain_status(shop, path) for path in ("/healthz", "/ws/notifications/", "/api/v1/products/")] == [
        200, 404, 404,
    ]  # fmt: skip
    with Listener(shop.live_port, token=customer.access, origin="https://front.example.com") as line:
        line.until("ready")


def test_a_token_in_the_address_lets_nobody_in_and_none_is_ever_written_down(shop: RunningShop) -> None:
    customer = registered(shop)
    with Listener(shop.live_port, query=f"?token={customer.access}") as stranger:
        stranger.say(type="watch", product_ids=[])
        assert stranger.until_closed() == 4401
    with Listener(shop.live_port, token=customer.access) as good:
        good.until("ready")
        good.line.send(b"\x00")
        good.until_closed()
    log = (shop.folder / "shop.log").read_text(errors="replace")
    assert "a live connection has ended" in log
    assert customer.access not in log
    assert customer.access.split(".")[2] not in log
    assert PASSWORD not in log
