"""What a provider tells about refunds: made at its dashboard, of another amount, twice, or before our call ended."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from apps.orders.errors import OrderOnHold
from apps.orders.models import Order
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from apps.payments.gateways.base import Fact, RefundResult
from apps.payments.models import Payment, Refund
from apps.payments.services.refunds import carry_out_refund, carry_out_waiting_refunds
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind
from apps.support.models import Escalation
from core import clock
from tests.apps.payments.paying import ledger, money_of
from tests.apps.payments.refunding.desk import (
    NOWHERE,
    UNHEARD,
    Till,
    paid_order,
    refund,
    violations,
    watched_till,
)
from tests.factories import make_admin

pytestmark = pytest.mark.django_db


@pytest.fixture
def till() -> Iterator[Till]:
    with watched_till() as watched:
        yield watched


def tell(order: Order, amount: str, reference: str = "re_dash") -> None:
    """The provider tells of a refund without naming one of ours."""
    payment = Payment.objects.get(order=order)
    fact = Fact(
        kind=EntryKind.REFUNDED, amount=Decimal(amount), currency="USD", reference=reference, occurred_at=clock.now()
    )
    apply_facts(payment=payment, facts=[fact], now=clock.now())


def cases() -> list[tuple[str, str, bool, str]]:
    """Return (kind, reference up to its colon, holds, status) of every escalation."""
    rows = Escalation.objects.order_by("created_at").values_list("kind", "reference", "holds_fulfilment", "status")
    return [(kind, reference.split(":")[0], holds, status) for kind, reference, holds, status in rows]


def is_on_hold(order: Order) -> bool:
    return Order.objects.values_list("is_on_hold", flat=True).get(pk=order.pk)


@pytest.mark.parametrize("at", [OrderStatus.CONFIRMED, OrderStatus.PROCESSING])
def test_an_order_whose_whole_money_went_back_at_the_dashboard_is_not_sent_by_oversight(at: OrderStatus) -> None:
    order = paid_order(at=at)
    tell(order, "20.00")
    assert money_of(order) == (at, "refunded")
    assert cases() == [("payment_mismatch", "refunded", True, "open")]
    assert is_on_hold(order)
    onward = OrderStatus.PROCESSING if at == OrderStatus.CONFIRMED else OrderStatus.SHIPPED
    with pytest.raises(OrderOnHold):
        move_order(order_id=order.pk, to=onward, actor=make_admin(), now=clock.now())
    assert violations() == {}


def test_the_last_of_several_dashboard_refunds_holds_the_order() -> None:
    order = paid_order()
    tell(order, "12.00", "re_1")
    assert (cases(), is_on_hold(order)) == ([], False)
    tell(order, "8.00", "re_2")
    assert (len(cases()), is_on_hold(order)) == (1, True)


def test_a_dashboard_refund_of_what_was_sent_holds_nothing() -> None:
    order = paid_order(at=OrderStatus.SHIPPED)
    tell(order, "20.00")
    assert (cases(), is_on_hold(order), money_of(order)) == ([], False, ("shipped", "refunded"))


def test_a_refund_by_the_shop_itself_holds_nothing() -> None:
    order = paid_order()
    refund(order)
    assert (cases(), is_on_hold(order)) == ([], False)


def test_a_message_that_overtakes_our_own_call_is_our_refund_in_the_end(till: Till) -> None:
    order = paid_order()
    till.failure = NOWHERE
    own = refund(order)
    tell(order, "20.00", f"re_{own.pk.hex}")
    assert (Refund.objects.count(), is_on_hold(order)) == (2, True)
    till.failure = None
    assert carry_out_waiting_refunds(now=clock.now() + UNHEARD) == 1
    [left] = Refund.objects.all()
    assert (left.pk, left.state, left.takes_shipping) == (own.pk, "succeeded", True)
    assert cases() == [("payment_mismatch", "refunded", True, "resolved")]
    assert not is_on_hold(order)
    assert ledger(Payment.objects.get()) == [("captured", "20.00"), ("refunded", "20.00")]
    assert violations() == {}


def test_a_second_call_that_ends_later_leaves_a_finished_refund_finished(till: Till) -> None:
    order = paid_order()
    till.failure = NOWHERE
    own = refund(order, amount="5.00")
    first, second = (Refund.objects.select_related("payment__order").get(pk=own.pk) for _ in range(2))
    till.failure = None
    for twin in (first, second):
        assert carry_out_refund(refund=twin, now=clock.now()).state == "succeeded"
    own.refresh_from_db()
    assert (own.state, own.provider_reference) == ("succeeded", f"re_{own.pk.hex}")
    assert ledger(Payment.objects.get()) == [("captured", "20.00"), ("refunded", "5.00")]


def test_another_amount_than_was_asked_for_is_a_case(till: Till) -> None:
    order = paid_order()
    till.is_slow = True
    own = refund(order, amount="5.00")
    tell(order, "7.00", own.provider_reference)
    assert cases() == [("payment_mismatch", "refunded-amount", False, "open")]
    assert Payment.objects.get().refunded_amount == Decimal("7.00")


def test_one_refund_that_contradicts_its_payment_stops_no_other_and_is_a_case(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [paid_order(), paid_order()]
    till.failure = NOWHERE
    odd, sound = (refund(order, amount="5.00") for order in orders)
    till.failure = None
    answer = till.refund

    def tell_too_much(gateway: object, request: object) -> RefundResult:
        result = answer(gateway, request)  # type: ignore[arg-type]
        fact = result.facts[0]
        if result.reference != f"re_{odd.pk.hex}":
            return result
        enlarged = Fact(
            kind=fact.kind,
            amount=Decimal("500.00"),
            currency=fact.currency,
            reference=fact.reference,
            occurred_at=fact.occurred_at,
        )
        return RefundResult(reference=result.reference, facts=(enlarged,))

    monkeypatch.setattr(till, "refund", tell_too_much)
    for _ in range(2):
        carry_out_waiting_refunds(now=clock.now() + UNHEARD)
    odd.refresh_from_db()
    sound.refresh_from_db()
    assert (odd.state, sound.state) == ("pending", "succeeded")
    assert cases() == [("payment_mismatch", "refund", False, "open")]
