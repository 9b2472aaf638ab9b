"""Promise 22: the messages of a payment, in every order and each twice, end in one state of order, money and mail."""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial

import pytest
from django.conf import LazySettings
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.inventory.models import Stock
from apps.inventory.services.stock import adjust_stock
from apps.orders.models import Order
from apps.orders.services.expiry import expire_unpaid_orders
from apps.payments.gateways.base import Fact
from apps.payments.gateways.sslcommerz_names import name_of
from apps.payments.models import Payment
from apps.payments.services.attempts import describe
from apps.payments.services.settlement import apply_facts
from apps.payments.states import EntryKind
from apps.support.models import Escalation
from apps.support.states import EscalationKind
from core import clock
from core.events.worker import deliver_all_due
from core.invariants import check_invariants
from tests.apps.orders.making import make_order
from tests.apps.payments.disorder import Message, State, all_orders, play_all, some_orders, state_of_the_shop, undone
from tests.apps.payments.paying import message, pay, signed
from tests.apps.payments.sslcommerz import provider as sslcommerz
from tests.apps.payments.sslcommerz.provider import GATEWAY, start_request
from tests.apps.payments.stripe import provider as stripe
from tests.factories import make_admin
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake

# On PostgreSQL the 120 orders of test_settlement.py stand for these.
pytestmark = [pytest.mark.django_db, pytest.mark.blind]
Play = Callable[[StripeFake, str], None]


@pytest.fixture(autouse=True)
def _somebody_is_told() -> None:
    make_admin()


@pytest.fixture
def fake(settings: LazySettings) -> Iterator[StripeFake]:
    seconds = iter(range(int(time.time()) - 200, int(time.time()) + 10_000))
    with StripeFake(clock=lambda: float(next(seconds))) as running:
        stripe.use_fake(settings, running)
        settings.PAYMENT_PROVIDERS = ["cod", "simulated", "stripe"]
        yield running
        assert running.crashes == []


def paid(fake: StripeFake, name: str) -> None:
    fake.require_action(name)
    fake.authenticate(name)


def settled(fake: StripeFake, name: str) -> None:
    fake.pay(name, "pm_usBankAccount")
    fake.settle(name)


def refunded_in_part(fake: StripeFake, name: str) -> None:
    paid(fake, name)
    fake.refund_at_dashboard(name, 500)


def refunded_and_disputed(fake: StripeFake, name: str) -> None:
    settled(fake, name)
    fake.refund_at_dashboard(name, 500)
    fake.open_dispute(name)


def refunded_whole_in_two_parts(fake: StripeFake, name: str) -> None:
    paid(fake, name)
    fake.refund_at_dashboard(name, 500)
    fake.refund_at_dashboard(name)


def disputed(fake: StripeFake, name: str, *, won: bool) -> None:
    paid(fake, name)
    fake.close_dispute(fake.open_dispute(name)["id"], won=won)


def asked_about_and_disputed(fake: StripeFake, name: str) -> None:
    paid(fake, name)
    asked = fake.open_dispute(name, is_inquiry=True)["id"]
    fake.answer_dispute(asked)
    fake.close_dispute(asked, won=True)
    fake.close_dispute(fake.open_dispute(name)["id"], won=False)


def declined_and_then_paid(fake: StripeFake, name: str) -> None:
    fake.decline(name)
    refunded_in_part(fake, name)


def declined_twice_and_given_up(fake: StripeFake, name: str) -> None:
    fake.decline(name)
    fake.require_action(name)
    fake.decline(name, "pm_card_chargeDeclinedInsufficientFunds")
    fake.cancel_at_dashboard(name)


def paid_at_some_risk(fake: StripeFake, name: str) -> None:
    fake.decline(name)
    fake.pay(name, "pm_card_riskLevelElevated")
    fake.refund_at_dashboard(name, 500)


def refunded_in_vain(fake: StripeFake, name: str) -> None:
    paid(fake, name)
    fake.fail_refund(fake.refund_at_dashboard(name, 500)["id"])


# name: (what happens, the types of the five messages, where the order, its payment status and the payment end)
Ending = tuple[str, str, str]
FIVE: dict[str, tuple[Play, str, Ending]] = {
    "refunded and disputed": (
        refunded_and_disputed,
        "payment_intent.created payment_intent.processing payment_intent.succeeded charge.refunded "
        "charge.dispute.created",
        ("confirmed", "partially_refunded", "partially_refunded"),
    ),
    "refunded whole": (
        refunded_whole_in_two_parts,
        "payment_intent.requires_action payment_intent.succeeded refund.created:0 refund.created:1 refund.updated:1",
        ("confirmed", "refunded", "refunded"),
    ),
    "dispute won": (
        partial(disputed, won=True),
        "payment_intent.succeeded charge.dispute.created charge.dispute.funds_withdrawn "
        "charge.dispute.funds_reinstated charge.dispute.closed",
        ("confirmed", "paid", "succeeded"),
    ),
    "dispute lost": (
        partial(disputed, won=False),
        "payment_intent.requires_action payment_intent.succeeded charge.dispute.created "
        "charge.dispute.funds_withdrawn charge.dispute.closed",
        ("confirmed", "refunded", "refunded"),
    ),
    "declined and then paid": (
        declined_and_then_paid,
        "payment_intent.payment_failed payment_intent.requires_action payment_intent.succeeded charge.succeeded "
        "charge.refunded",
        ("confirmed", "partially_refunded", "partially_refunded"),
    ),
}
RARE: dict[str, tuple[Play, str, Ending]] = {
    "paid at some risk": (
        paid_at_some_risk,
        "payment_intent.payment_failed charge.succeeded payment_intent.succeeded refund.created refund.updated",
        ("confirmed", "partially_refunded", "partially_refunded"),
    ),
    "declined twice and given up": (
        declined_twice_and_given_up,
        "payment_intent.payment_failed:0 payment_intent.requires_action payment_intent.payment_failed:1 "
        "payment_intent.canceled payment_intent.created",
        ("pending", "pending", "cancelled"),
    ),
    "asked about and then disputed": (
        asked_about_and_disputed,
        "payment_intent.succeeded charge.dispute.created:0 charge.dispute.updated charge.dispute.closed:0 "
        "charge.dispute.created:1 charge.dispute.closed:1",
        ("confirmed", "refunded", "refunded"),
    ),
}


def told_by(fake: StripeFake, name: str, types: str = "") -> list[Message]:
    """Return messages about an intent: all, or those of these types, `type:1` being the second of its type."""
    if not types:
        return [partial(stripe_message, fake, event) for event in fake.events_of(name)]
    words = (word.partition(":") for word in types.split())
    return [partial(stripe_message, fake, fake.events_of(name, kind)[int(number or 0)]) for kind, _, number in words]


def stripe_message(fake: StripeFake, event: dict[str, object]) -> tuple[bytes, dict[str, str]]:
    return fake.signed(event, timestamp=int(time.time()))


def end_of(state: State) -> Ending:
    """Return (order status, its payment status, the payment's status)."""
    ((_, status, payment_status, *_),) = state["orders"]
    ((_, _, payment, *_),) = state["payments"]
    return str(status), str(payment_status), str(payment)


def paid_too_late(fake: StripeFake, *, is_sold_out: bool) -> Payment:
    """Return the payment of an order that ran out of time when its payer had just paid."""
    payment = pay(make_order(), provider="stripe")
    settled(fake, payment.transaction_id)
    Order.objects.update(expires_at=clock.now())
    assert expire_unpaid_orders(now=clock.now()) == 1
    if is_sold_out:
        stock = Stock.objects.get()
        adjust_stock(variant_id=stock.variant_id, delta=-stock.on_hand, reason="broken", now=clock.now())
    deliver_all_due()
    return payment


@pytest.mark.parametrize("name", FIVE)
def test_the_five_messages_of_a_payment_end_in_one_state_in_all_120_orders(fake: StripeFake, name: str) -> None:
    """Also where the worker runs after each message, and where it finds all of them."""
    happen, types, expected = FIVE[name]
    payment = pay(make_order(), provider="stripe")
    happen(fake, payment.transaction_id)
    deliver_all_due()

    orders = all_orders(told_by(fake, payment.transaction_id, types))
    state = play_all("stripe", orders, fake)

    assert (len(orders), end_of(state)) == (120, expected)


@pytest.mark.parametrize("name", RARE)
def test_the_messages_of_a_rarer_payment_end_in_one_state(fake: StripeFake, name: str) -> None:
    happen, types, expected = RARE[name]
    payment = pay(make_order(), provider="stripe")
    happen(fake, payment.transaction_id)
    deliver_all_due()

    messages = told_by(fake, payment.transaction_id, types)
    state = play_all("stripe", some_orders(messages, count=40, seed=26), fake)

    assert end_of(state) == expected


@pytest.mark.parametrize("name", ["refunded and disputed", "declined and then paid"])
def test_all_that_the_provider_says_of_a_payment_ends_in_one_state(fake: StripeFake, name: str) -> None:
    happen, _, expected = FIVE[name]
    payment = pay(make_order(), provider="stripe")
    happen(fake, payment.transaction_id)
    deliver_all_due()

    messages = told_by(fake, payment.transaction_id)
    state = play_all("stripe", some_orders(messages, count=20, seed=22), fake)

    assert (len(messages) > 7, end_of(state)) == (True, expected)


def test_money_held_and_then_captured_ends_in_one_state(fake: StripeFake, settings: LazySettings) -> None:
    settings.STRIPE_CAPTURE_METHOD = "manual"
    payment = pay(make_order(), provider="stripe")
    paid(fake, payment.transaction_id)
    fake.capture_at_dashboard(payment.transaction_id)
    fake.refund_at_dashboard(payment.transaction_id, 500)
    deliver_all_due()

    state = play_all("stripe", some_orders(told_by(fake, payment.transaction_id), count=20, seed=23), fake)

    assert end_of(state) == ("confirmed", "partially_refunded", "partially_refunded")


@pytest.mark.parametrize(
    ("is_sold_out", "expected"),
    [(False, ("confirmed", "paid", "succeeded")), (True, ("cancelled", "refunded", "refunded"))],
)
def test_late_money_of_an_expired_order_ends_in_one_state(
    fake: StripeFake, is_sold_out: bool, expected: Ending
) -> None:
    payment = paid_too_late(fake, is_sold_out=is_sold_out)
    types = "payment_intent.created payment_intent.processing payment_intent.succeeded charge.succeeded"

    orders = all_orders(told_by(fake, payment.transaction_id, types))
    state = play_all("stripe", orders, fake)

    assert (len(orders), end_of(state)) == (24, expected)
    assert [count for count, *_ in state["refunds"]] == ([20] if is_sold_out else [])


def test_a_refund_that_failed_leaves_one_state_whichever_is_heard_of_first(fake: StripeFake) -> None:
    """But for the mails: who has heard that money went back before it failed cannot unhear it."""
    payment = pay(make_order(), provider="stripe")
    paid(fake, payment.transaction_id)
    fake.fail_refund(fake.refund_at_dashboard(payment.transaction_id, 500)["id"])
    types = "payment_intent.requires_action payment_intent.succeeded refund.created refund.updated:1 refund.failed"
    deliver_all_due()

    messages = told_by(fake, payment.transaction_id, types)
    state = play_all("stripe", some_orders(messages, count=30, seed=24), fake, leave_out={"mails", "message ids"})

    assert end_of(state) == ("confirmed", "paid", "succeeded")
    ((*_, refund_state, cause, _, code, _),) = state["refunds"]
    assert (refund_state, cause, code) == ("failed", "provider", "expired_or_canceled_card")
    assert [kind for kind, *_ in state["escalations"]] == ["refund_failed"]


def test_the_messages_of_two_orders_do_not_touch_each_other(fake: StripeFake) -> None:
    first, second = (pay(make_order(), provider="stripe") for _ in range(2))
    refunded_and_disputed(fake, first.transaction_id)
    declined_and_then_paid(fake, second.transaction_id)
    deliver_all_due()
    messages = [*told_by(fake, first.transaction_id), *told_by(fake, second.transaction_id)]

    state = play_all("stripe", some_orders(messages, count=20, seed=25), fake)

    assert [(status, paid_) for _, status, paid_, *_ in state["orders"]] == [("confirmed", "partially_refunded")] * 2


def test_two_payments_of_one_order_leave_the_money_of_one_of_them() -> None:
    """Which of the two goes back is told by which came last, that it is one of them by nothing."""
    order = make_order()
    first, second = pay(order, "pm_sim_requires_action"), pay(order, "pm_sim_settles_late")
    told = [(first, EntryKind.CAPTURED), (first, EntryKind.PROCESSING), (first, EntryKind.CANCELLED)]
    told += [(second, EntryKind.CAPTURED), (second, EntryKind.REQUIRES_ACTION)]
    messages = [partial(simulated_message, payment, kind) for payment, kind in told]
    deliver_all_due()

    orders = some_orders(messages, count=40, seed=27)
    state = play_all("simulated", orders, leave_out={"payments", "ledger", "refunds"})

    assert [(status, paid_) for _, status, paid_, *_ in state["orders"]] == [("confirmed", "paid")]
    assert [(amount, str(cause)) for amount, _, _, cause, *_ in state["refunds"]] == [(20, "surplus")]


def simulated_message(payment: Payment, kind: EntryKind) -> tuple[bytes, dict[str, str]]:
    body = message(payment, kind, f"evt_{payment.pk.hex}_{kind}", created=str(int(payment.created_at.timestamp())))
    return body, signed(body)


def test_the_notices_of_five_tries_end_in_one_state_in_all_120_orders(settings: LazySettings) -> None:
    with SslcommerzFake(store_id=sslcommerz.STORE, store_password=sslcommerz.SECRET) as running:
        sslcommerz.use_fake(settings, running)
        payment = pay(make_order(), provider="sslcommerz")
        name = name_of(payment.pk)
        notices = []
        for end in (running.fail, running.cancel, running.expire, running.abandon, running.pay):
            end(name)
            notices.append(running.ipn(name))
            GATEWAY.start(start_request(describe(payment)))
        deliver_all_due()

        orders = all_orders([lambda notice=notice: notice for notice in notices])
        state = play_all("sslcommerz", orders)

    assert (len(orders), end_of(state)) == (120, ("confirmed", "paid", "succeeded"))
    assert running.crashes == []


# --- Facts themselves, whoever told them --------------------------------------------------------------
MOMENT = clock.now().replace(microsecond=0)


def fact(kind: EntryKind, amount: str, reference: str, second: int) -> Fact:
    detail = {"code": f"code_{reference}"} if kind in {EntryKind.DECLINED, EntryKind.FAILED} else {}
    return Fact(
        kind=kind,
        amount=Decimal(amount),
        currency="USD",
        reference=reference,
        occurred_at=MOMENT + dt.timedelta(seconds=second),
        detail=detail,
    )


FACTS = [
    fact(EntryKind.REQUIRES_ACTION, "20.00", "act", 1),
    fact(EntryKind.DECLINED, "20.00", "no_1", 2),
    fact(EntryKind.DECLINED, "20.00", "no_2", 3),
    fact(EntryKind.PROCESSING, "20.00", "prc", 4),
    fact(EntryKind.AUTHORISED, "20.00", "auth", 4),
    fact(EntryKind.FAILED, "20.00", "failed", 5),
    fact(EntryKind.CANCELLED, "20.00", "void", 5),
    fact(EntryKind.CAPTURED, "20.00", "ch", 6),
    fact(EntryKind.REFUNDED, "5.00", "re_small", 7),
    fact(EntryKind.REFUNDED, "15.00", "re_large", 8),
    fact(EntryKind.REFUND_FAILED, "5.00", "re_small", 9),
    fact(EntryKind.DISPUTED, "10.00", "dp", 10),
]
DECISIONS = [fact(EntryKind.DISPUTE_LOST, "10.00", "dp", 11), fact(EntryKind.DISPUTE_WON, "10.00", "dp", 11)]


@given(data=st.data())
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_whatever_is_told_in_two_orders_ends_in_one_state(data: st.DataObject) -> None:
    pool = [*FACTS, data.draw(st.sampled_from(DECISIONS))]
    told = data.draw(st.lists(st.sampled_from(pool), unique_by=id, min_size=2, max_size=len(pool)))
    with undone():
        payment = pay(make_order(), "pm_sim_requires_action")
        first, second = state_after(payment, told), state_after(payment, data.draw(st.permutations(told)))
    assert {name: (first[name], second[name]) for name in first if first[name] != second[name]} == {}


def state_after(payment: Payment, told: Sequence[Fact]) -> State:
    """Return where these facts lead, but for what was true for a time: mails that were sent, cases that are closed."""
    with undone():
        for one in told:
            apply_facts(payment=payment, facts=[one], now=MOMENT)
        assert {finding.name: finding.violations for finding in check_invariants() if finding.violations} == {}
        state = state_of_the_shop()
    state["escalations"] = [case for case in state["escalations"] if case[:3:2] != ("payment_mismatch", "resolved")]
    return {name: rows for name, rows in state.items() if name not in {"mails", "message ids"}}


def test_an_order_held_for_want_of_money_goes_on_when_the_money_is_back() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    held = []
    for name in ("ch", "re_small", "re_large", "re_small"):
        kinds = {EntryKind.REFUND_FAILED} if len(held) == 3 else {EntryKind.CAPTURED, EntryKind.REFUNDED}
        apply_facts(payment=payment, facts=[f for f in FACTS if f.reference == name and f.kind in kinds], now=MOMENT)
        order.refresh_from_db()
        held.append(order.is_on_hold)
    assert held == [False, False, True, False]
    cases = Escalation.objects.filter(kind=EscalationKind.PAYMENT_MISMATCH)
    assert list(cases.values_list("status", "resolution")) == [("resolved", "The money is here after all.")]


def test_an_order_whose_money_was_lost_in_a_dispute_is_not_sent_by_oversight() -> None:
    """The dispute's own case is closed with it, and its hold with the case."""
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    told = [FACTS[7], fact(EntryKind.DISPUTED, "20.00", "dp", 8), fact(EntryKind.DISPUTE_LOST, "20.00", "dp", 9)]
    for one in told:
        apply_facts(payment=payment, facts=[one], now=MOMENT)
    order.refresh_from_db()
    assert (order.status, order.payment_status, order.is_on_hold) == ("confirmed", "refunded", True)
    cases = Escalation.objects.order_by("created_at").values_list("kind", "status")
    assert list(cases) == [("dispute", "resolved"), ("payment_mismatch", "open")]
    apply_facts(payment=payment, facts=[fact(EntryKind.DISPUTE_WON, "20.00", "dp", 10)], now=MOMENT)
    order.refresh_from_db()
    assert (order.payment_status, order.is_on_hold) == ("paid", False)


def test_money_that_is_gone_back_and_gone_again_is_another_case() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    told = [FACTS[7], FACTS[8], FACTS[9], FACTS[10], fact(EntryKind.DISPUTE_LOST, "10.00", "dp", 11)]
    held = []
    for one in told:
        apply_facts(payment=payment, facts=[one], now=MOMENT)
        order.refresh_from_db()
        held.append(order.is_on_hold)
    assert held == [False, False, True, False, True]
    cases = Escalation.objects.filter(kind=EscalationKind.PAYMENT_MISMATCH).order_by("created_at")
    assert list(cases.values_list("status", flat=True)) == ["resolved", "open"]
