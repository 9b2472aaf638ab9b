"""kill -9 at every named point of a checkout: the order is whole or absent, and the retry with its key makes it."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.cart.owners import CartOwner
from apps.cart.stores.registry import cart_store
from apps.inventory.models import Reservation
from apps.inventory.services import reservations
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services import placement
from apps.products.models import ProductVariant
from core.events.models import OutboxEvent
from core.idempotency import keys
from core.idempotency.models import IdempotencyRecord
from core.ids import new_id
from tests import crashing
from tests.apps.orders.making import fill_cart, guest, nothing_was_ordered, stock_of, violations
from tests.conftest import on_postgresql
from tests.crashing import Answer, Ask, Point, after, after_commit, before_commit, crash, perform
from tests.factories import ADDRESS, access_token_of, default_variant, make_product, make_user

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LONGEST_WAIT_SECONDS = 20.0
IN_THE_TRANSACTION = {
    "after the key's claim": after(keys, "_find"),
    "after the cart's lock": after(placement, "take_cart_for_checkout"),
    "after the price": after(placement, "price_order"),
    "after the order's row": after(Order, "save"),
    "after the cart is closed": after(placement, "finish_cart"),
    "after the outbox row": after(placement, "publish"),
    "after the stock's UPDATE": after(reservations, "apply_changes"),
    "before COMMIT": before_commit(placement, "publish"),
}
COMMITTED = {
    "after COMMIT, before the answer": after_commit(placement, "publish"),
    "after the answer": after(crashing, "send"),
}
POINTS = IN_THE_TRANSACTION | COMMITTED
CUSTOMER, GUEST = "customer", "guest"
# Who buys, and how often the server is killed before the order goes through.
PLAYS = [
    (CUSTOMER, 1), (GUEST, 2), (GUEST, 1), (CUSTOMER, 2), (CUSTOMER, 3), (GUEST, 3), (CUSTOMER, 1), (GUEST, 1),
    (CUSTOMER, 1), (GUEST, 1),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _database(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("checkouts")
    with django_db_blocker.unblock(), crashing.database_of_several_processes(folder):
        yield


@dataclasses.dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody with two units of something in the cart, and the request to order them."""

    owner: CartOwner
    variant: ProductVariant
    ask: Ask

    @property
    def cart_lines(self) -> int:
        return len(cart_store().read(owner=self.owner).lines)


def make_buyer(who: str, user: User, *, with_key: bool = True) -> Buyer:
    variant = default_variant(make_product(price="10.00"))
    data = {"shipping_address": ADDRESS, "payment_method": "cod", "expected_total": "20.00"}
    headers = {"Idempotency_Key": str(new_id())} if with_key else {}
    if who == GUEST:
        owner, token = guest()
        ask = Ask.with_json("/api/v1/cart/checkout/", data | {"email": "a@example.com"}, X_Cart_Token=token, **headers)
    else:
        owner, access = CartOwner(user_id=user.pk), access_token_of(user)
        ask = Ask.with_json("/api/v1/orders/", data, Authorization=f"Bearer {access}", **headers)
    fill_cart(owner, (variant, 2))
    return Buyer(owner, variant, ask)


def plays() -> Sequence[tuple[str, int]]:
    """All on PostgreSQL, which the promise is about."""
    return PLAYS if on_postgresql() else PLAYS[:3]


def books() -> tuple[int, ...]:
    """Count what an order of one line, paid on delivery, writes."""
    models = (Order, OrderItem, Reservation, OutboxEvent, IdempotencyRecord, OrderStatusChange)
    return tuple(model.objects.count() for model in models)


ONE_ORDER = (1, 1, 1, 2, 1, 3)  # placed and confirmed at once: two events; three notes in its history


def and_one_order(counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(sum, zip(counts, ONE_ORDER, strict=True)))


def ordering(ask: Ask) -> Answer:
    """The request is answered. For a process that may be killed."""
    return crashing.send(ask)  # by this name, so that a trap is found there


def insist(ask: Ask) -> Answer:
    """Repeat the request while the dead one still seems to be at work: the database hears of a death a bit later."""
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < deadline:
        answer = crashing.send(ask)
        if answer.status != 503 and (answer.status != 409 or answer.body["code"] != "request_in_flight"):
            return answer
        time.sleep(0.01)
    raise AssertionError(f"still {answer.status}: {answer.raw!r}")


@pytest.mark.parametrize("name", POINTS)
def test_a_checkout_killed_at_any_point_is_whole_or_absent_and_made_once(name: str) -> None:
    user, point = make_user(), Point(name, POINTS[name])
    for who, kills in plays():
        buyer, before = make_buyer(who, user), books()
        is_committed = name in COMMITTED
        for number in range(kills):
            if number and is_committed and name != "after the answer":
                continue  # it is done: nobody comes there again
            crash(lambda: ordering(buyer.ask), point)  # noqa: B023 - called at once
            assert books() == (and_one_order(before) if is_committed else before), (who, number)
            assert stock_of(buyer.variant) == (10, 2 if is_committed else 0), (who, number)
            assert buyer.cart_lines == (0 if is_committed else 1), (who, number)

        first, again = perform(lambda: [insist(buyer.ask), insist(buyer.ask)])  # noqa: B023 - called at once

        assert (first.status, first.body["total_price"]) == (201, "20.00"), first.raw
        assert first.headers.get("idempotent-replayed") == ("true" if is_committed else None), who
        assert (again.status, again.raw, again.headers["idempotent-replayed"]) == (201, first.raw, "true"), who
        assert books() == and_one_order(before), who
        assert stock_of(buyer.variant) == (10, 2), who
        assert buyer.cart_lines == 0, who
    assert violations() == {}


# Controls: with the guard taken away, what is asserted above fails


def test_control_without_a_key_the_buyer_of_a_killed_answer_is_not_told_of_the_order() -> None:
    buyer = make_buyer(CUSTOMER, make_user(), with_key=False)
    crash(lambda: ordering(buyer.ask), Point("after COMMIT", COMMITTED["after COMMIT, before the answer"]))

    answer = perform(lambda: insist(buyer.ask))

    assert (answer.status, answer.body["code"]) == (409, "cart_empty")
    assert Order.objects.count() == 1


def test_control_committed_step_by_step_half_an_order_is_left() -> None:
    buyer = make_buyer(CUSTOMER, make_user(), with_key=False)

    def commit_each_step() -> None:
        save = Order.save

        def save_and_commit(order: Order, **how: Any) -> None:
            save(order, **how)
            connection.connection.commit()  # not Django's, which knows that a transaction is open

        Order.save = save_and_commit  # type: ignore[assignment,method-assign]
        IN_THE_TRANSACTION["after the order's row"]()

    crash(lambda: ordering(buyer.ask), Point("after the order's row", commit_each_step))

    assert not nothing_was_ordered()
    assert (Order.objects.count(), OrderItem.objects.count(), OutboxEvent.objects.count()) == (1, 0, 0)
    assert "orders.have_lines" in violations()
