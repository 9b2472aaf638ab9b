"""Refunds by people: what they come to, whom they are allowed to, what they take back."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import User
from apps.orders.errors import OrderNotFound, ShippingAlreadyRefunded, TooManyUnits
from apps.orders.models import Order
from apps.orders.services.cancellation import cancel_order
from apps.orders.states import OrderStatus
from apps.payments.errors import ProviderRefused, RefundTooLarge
from apps.payments.gateways.base import Fact
from apps.payments.models import Payment, Refund, RefundLine
from apps.payments.services.attempts import begin_attempt, open_attempt
from apps.payments.services.refunds import carry_out_waiting_refunds
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind
from apps.support.models import Escalation
from core import clock
from core.errors import Forbidden, InvalidInput, ShopError
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from core.ids import new_id
from tests.apps.orders.making import make_order, stock_of
from tests.apps.payments.paying import everything, money_of
from tests.apps.payments.refunding.desk import (
    NEVER,
    NOWHERE,
    UNHEARD,
    Till,
    goods,
    items_of,
    lines_of,
    odd_prices,
    paid_order,
    refund,
    taken,
    uneven_order,
    violations,
    watched_till,
    went_back,
)
from tests.factories import make_admin, make_seller, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books_stay_right() -> Iterator[None]:
    yield
    assert violations() == {}


@pytest.fixture
def till() -> Iterator[Till]:
    with watched_till() as watched:
        yield watched


def refused(kind: type[ShopError], order: Order, actor: User | None = None, *units: int, **wish: Any) -> ShopError:
    """Return the refusal of a refund, after which nothing has changed."""
    actor = actor or make_admin()
    before = (everything(), taken(order), RefundLine.objects.count())
    with pytest.raises(kind) as refusal:
        refund(order, actor, *units, **wish)
    assert (everything(), taken(order), RefundLine.objects.count()) == before
    return refusal.value


# --- What it comes to ------------------------------------------------------------------------------------
def test_the_whole_is_all_money_all_units_and_the_shipping(admin: User) -> None:
    odd_prices()
    order = uneven_order()

    whole = refund(order, admin)

    assert (whole.state, f"{whole.amount:.2f}", whole.cause, whole.actor) == ("succeeded", "87.50", "requested", admin)
    assert lines_of(whole) == [(7, "25.00"), (3, "32.14"), (1, "25.01")]
    assert (whole.takes_shipping, whole.restocked) == (True, False)
    assert taken(order) == [(7, 0), (3, 0), (1, 0)]
    assert money_of(order) == ("confirmed", "refunded")


def test_goodwill_takes_nothing_back() -> None:
    order = paid_order()
    given = refund(order, amount="5.50")
    assert (given.amount, lines_of(given), given.takes_shipping) == (Decimal("5.50"), [], False)
    assert (taken(order), money_of(order)) == ([(0, 0)], ("confirmed", "partially_refunded"))


def test_units_of_lines_come_to_their_value_and_the_rest_to_the_rest() -> None:
    odd_prices()
    order = uneven_order()
    first = refund(order, None, 2, 0, 1)
    assert (lines_of(first), f"{first.amount:.2f}") == ([(2, "7.14"), (1, "25.01")], "32.15")
    second = refund(order, None, 5, 3, shipping=True)
    assert (lines_of(second), second.takes_shipping) == ([(5, "17.86"), (3, "32.14")], True)
    assert f"{second.amount:.2f}" == "55.35"
    assert money_of(order) == ("confirmed", "refunded")


def test_the_shipping_alone_is_what_sending_cost_with_its_tax() -> None:
    odd_prices()
    order = uneven_order()
    sent_back = refund(order, shipping=True)
    assert (f"{sent_back.amount:.2f}", lines_of(sent_back), sent_back.takes_shipping) == ("5.35", [], True)
    assert taken(order) == [(0, 0)] * 3


def test_an_amount_beside_lines_replaces_what_they_came_to_and_is_shared_among_them() -> None:
    order = paid_order((goods(price="10.00"), 2), (goods(price="30.00"), 1))
    less = refund(order, None, 1, 1, amount="10.01")
    assert (less.amount, lines_of(less)) == (Decimal("10.01"), [(1, "2.50"), (1, "7.51")])
    assert taken(order) == [(1, 0), (1, 0)]


def test_the_whole_after_parts_is_what_is_left() -> None:
    order = paid_order((goods(price="10.00"), 3))
    refund(order, None, 1)
    refund(order, amount="4.00")
    rest = refund(order)
    assert (rest.amount, lines_of(rest)) == (Decimal("16.00"), [(2, "16.00")])
    assert money_of(order) == ("confirmed", "refunded")


def test_of_two_payments_the_one_with_most_left_is_refunded() -> None:
    order = paid_order()
    payment = Payment.objects.get()
    second = pay_again(order)
    given = refund(order, amount="15.00")
    assert given.payment_id == second.pk
    assert refund(order, amount="20.00").payment_id == payment.pk
    refusal = refused(RefundTooLarge, order, amount="5.01")
    assert refusal.extra == {"refundable": "5.00", "currency": "USD"}
    assert refund(order, amount="5.00").payment_id == second.pk


def pay_again(order: Order) -> Payment:
    """Return another payment of the order, whose money has come too."""
    return begin_attempt(payment=open_attempt(order=order, provider="simulated", now=clock.now()), now=clock.now())


# --- What is refused -------------------------------------------------------------------------------------
def test_never_more_than_is_left() -> None:
    order = paid_order()
    refusal = refused(RefundTooLarge, order, amount="20.01")
    assert refusal.extra == {"refundable": "20.00", "currency": "USD"}
    refund(order, amount="12.00")
    assert refused(RefundTooLarge, order, None, 1).extra["refundable"] == "8.00"
    assert refused(RefundTooLarge, order, None, 1, amount="8.01").extra["refundable"] == "8.00"
    refund(order)
    assert refused(RefundTooLarge, order).extra["refundable"] == "0.00"


def test_what_is_disputed_or_charged_back_is_not_there_to_be_refunded() -> None:
    order = paid_order()
    payment = Payment.objects.get()
    tell(payment, EntryKind.DISPUTED, "15.00", "dp_1")
    assert refused(RefundTooLarge, order, None, 1).extra["refundable"] == "5.00"
    tell(payment, EntryKind.DISPUTE_LOST, "15.00", "dp_1")
    assert refused(RefundTooLarge, order, amount="5.01").extra["refundable"] == "5.00"


def test_what_is_on_its_way_is_not_there_to_be_refunded(till: Till) -> None:
    order = paid_order()
    till.failure = NOWHERE
    assert refund(order, amount="15.00").state == "pending"
    assert refused(RefundTooLarge, order, None, 1).extra["refundable"] == "5.00"


def tell(payment: Payment, kind: EntryKind, amount: str, reference: str) -> None:
    fact = Fact(kind=kind, amount=Decimal(amount), currency="USD", reference=reference, occurred_at=clock.now())
    apply_facts(payment=payment, facts=[fact], now=clock.now())


def test_an_order_without_money_has_nothing_to_refund() -> None:
    assert refused(RefundTooLarge, make_order()).extra == {"refundable": "0.00", "currency": "USD"}
    cash = make_order(payment_method="cod")
    assert refused(RefundTooLarge, cash, None, 1).extra["refundable"] == "0.00"


def test_units_are_refunded_once() -> None:
    order = paid_order((goods(price="10.00"), 3))
    refund(order, None, 2)
    refusal = refused(TooManyUnits, order, None, 2)
    assert refusal.extra == {"item_id": str(items_of(order)[0].pk), "left": 1}
    refused(TooManyUnits, order, None, 2, amount="1.00")


def test_the_shipping_is_refunded_once() -> None:
    odd_prices()
    order = uneven_order()
    refund(order, None, 1, shipping=True)
    refused(ShippingAlreadyRefunded, order, None, 1, shipping=True)
    refused(ShippingAlreadyRefunded, order, shipping=True)
    refused(ShippingAlreadyRefunded, order, shipping=True, amount="1.00")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"amount": "0.00"}, "amount"),
        ({"amount": "-1.00"}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"amount": "1.00", "restock": True}, "restock"),
        ({"lines": {new_id(): 1}}, "items.0.item_id"),
    ],
)
def test_wishes_without_sense_name_their_field(wish: dict[str, Any], field: str) -> None:
    refusal = refused(InvalidInput, paid_order(), **wish)
    assert [error.field for error in refusal.errors] == [field]


def test_a_line_of_another_order_is_as_unknown_as_none() -> None:
    order, other = paid_order(), paid_order()
    of_other = refused(InvalidInput, order, lines={items_of(other)[0].pk: 1})
    of_nobody = refused(InvalidInput, order, lines={new_id(): 1})
    assert of_other.errors == of_nobody.errors


# --- Sellers ---------------------------------------------------------------------------------------------
@pytest.fixture
def shared() -> tuple[Order, User]:
    """An order of two units at 10.00 of one seller and one at 30.00 of another, with shipping; and the first seller."""
    odd_prices()
    seller = make_seller()
    return paid_order((goods(price="10.00", seller=seller), 2), (goods(price="30.00"), 1)), seller


def test_a_sellers_whole_is_what_is_left_of_their_lines(shared: tuple[Order, User]) -> None:
    order, seller = shared
    refund(order, seller, 1)
    rest = refund(order, seller)
    assert (lines_of(rest), rest.takes_shipping, rest.actor) == ([(1, "10.72")], False, seller)
    assert taken(order) == [(2, 0), (0, 0)]
    assert went_back(order) == Decimal("21.45")


def test_a_seller_refunds_nothing_but_own_lines(shared: tuple[Order, User]) -> None:
    order, seller = shared
    own, foreign = items_of(order)
    refused(Forbidden, order, seller, amount="1.00")
    refused(Forbidden, order, seller, shipping=True)
    refused(Forbidden, order, seller, 1, shipping=True)
    refused(InvalidInput, order, seller, lines={foreign.pk: 1})
    refused(InvalidInput, order, seller, lines={own.pk: 1, foreign.pk: 1})
    refused(RefundTooLarge, order, seller, 1, amount="10.74")
    refused(OrderNotFound, order, make_seller())
    assert refund(order, seller, 1, amount="4.00").amount == Decimal("4.00")


def test_customers_refund_nothing_not_even_their_own() -> None:
    order = paid_order()
    refused(Forbidden, order, order.user)
    refused(Forbidden, order, make_user(), 1)


# --- Stock -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at", "before", "after"),
    [
        (OrderStatus.CONFIRMED, (10, 3), (10, 1)),
        (OrderStatus.PROCESSING, (10, 3), (10, 1)),
        (OrderStatus.SHIPPED, (7, 0), (9, 0)),
        (OrderStatus.DELIVERED, (7, 0), (9, 0)),
    ],
)
def test_restocked_units_can_be_sold_again(at: OrderStatus, before: tuple[int, int], after: tuple[int, int]) -> None:
    variant = goods(price="10.00")
    order = paid_order((variant, 3), at=at)
    assert stock_of(variant) == before
    assert refund(order, None, 2, restock=True).restocked is True
    assert (stock_of(variant), taken(order)) == (after, [(2, 2)])


def test_units_that_are_not_restocked_stay_where_they_are() -> None:
    variant = goods(price="10.00")
    order = paid_order((variant, 3), at=OrderStatus.SHIPPED)
    refund(order, None, 2)
    assert (stock_of(variant), taken(order)) == ((7, 0), [(2, 0)])


def test_cancelling_after_a_restocking_refund_frees_and_returns_the_rest() -> None:
    variant = goods(price="10.00")
    order = paid_order((variant, 3))
    refund(order, None, 1, restock=True)
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    deliver_all_due()
    assert (stock_of(variant), went_back(order), money_of(order)) == ((10, 0), 30, ("cancelled", "refunded"))


# --- The provider ----------------------------------------------------------------------------------------
def test_a_provider_that_does_not_answer_leaves_the_refund_pending_and_it_is_carried_out_later(till: Till) -> None:
    order = paid_order()
    till.failure = NOWHERE
    waiting = refund(order, None, 1)
    assert (waiting.state, taken(order), money_of(order)) == ("pending", [(1, 0)], ("confirmed", "paid"))
    till.failure = None
    assert carry_out_waiting_refunds(now=clock.now() + UNHEARD) == 1
    waiting.refresh_from_db()
    assert (waiting.state, went_back(order)) == ("succeeded", 10)
    assert {request.key for request in till.asked} == {f"refund-{waiting.pk.hex}"}


def test_a_refusal_for_good_gives_the_units_back_and_is_told(till: Till) -> None:
    odd_prices()
    order = paid_order((goods(price="10.00"), 3))
    till.failure = NEVER
    with pytest.raises(ProviderRefused) as refusal:
        refund(order, None, 2, shipping=True)
    failed = Refund.objects.get()
    assert refusal.value.extra == {"provider_code": "account_closed", "refund_id": str(failed.pk)}
    assert (failed.state, failed.failure_code, taken(order)) == ("failed", "account_closed", [(0, 0)])
    assert [row.reference for row in Escalation.objects.all()] == [f"refund:{failed.pk}"]
    till.failure = None
    assert refund(order).state == "succeeded"
    assert money_of(order) == ("confirmed", "refunded")


def test_the_provider_is_told_of_the_refund_as_it_was_committed(till: Till) -> None:
    order = paid_order()
    made = refund(order, None, 1, reason="Broken on arrival")
    [request] = till.asked
    assert (request.refund_id, request.amount, request.reason) == (made.pk, Decimal("10.00"), "Broken on arrival")
    assert request.capture_reference.startswith("ch_")


def test_the_same_request_again_is_the_same_refund_and_goes_on_with_it(till: Till) -> None:
    order = paid_order((goods(price="10.00"), 3))
    till.failure = NOWHERE
    first = refund(order, None, 1, request_key="k1")
    till.failure = None
    again = refund(order, None, 1, request_key="k1")
    assert (again.pk, again.state, Refund.objects.count()) == (first.pk, "succeeded", 1)
    assert refund(order, None, 1, request_key="k1").pk == first.pk
    assert (len(till.asked), len({request.key for request in till.asked})) == (2, 1)
    assert refund(order, None, 1, request_key="k2").pk != first.pk
    assert (taken(order), went_back(order)) == ([(2, 0)], 20)


def test_the_same_request_after_a_refusal_for_good_is_refused_again(till: Till) -> None:
    order = paid_order()
    till.failure = NEVER
    for _ in range(2):
        with pytest.raises(ProviderRefused):
            refund(order, request_key="k1")
    assert (Refund.objects.count(), len(till.asked)) == (1, 1)


def test_a_refund_is_news() -> None:
    order = paid_order()
    refund(order, None, 1, reason="Too small")
    [event] = OutboxEvent.objects.filter(name="payments.refunded")
    assert {name: event.payload[name] for name in ("amount", "cause", "reason", "email")} == {
        "amount": "10.00", "cause": "requested", "reason": "Too small", "email": order.email,
    }  # fmt: skip
