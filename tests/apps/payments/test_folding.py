"""Ledgers become states as sets: the order of arrival and repetitions do not matter."""

import datetime as dt
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.orders.states import PaymentStatus
from apps.payments.folding import Line, Part, Standing, fold_order, fold_payment
from apps.payments.states import OPEN_STATES, EntryKind, PaymentState

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
AMOUNT = Decimal("25.00")
HALF = Decimal("10.00")


def line(kind: EntryKind, amount: Decimal = AMOUNT, reference: str = "", second: int = 0) -> Line:
    return Line(kind, amount, reference or kind.value, NOON + dt.timedelta(seconds=second))


ACT, PROCESSING, FAILED = (
    line(EntryKind.REQUIRES_ACTION), line(EntryKind.PROCESSING), line(EntryKind.FAILED),
)  # fmt: skip
CAPTURED, CANCELLED, REFUNDED = line(EntryKind.CAPTURED), line(EntryKind.CANCELLED), line(EntryKind.REFUNDED)
PART_BACK = line(EntryKind.REFUNDED, HALF, "part")
SECOND_CHARGE = line(EntryKind.CAPTURED, AMOUNT, "second")


@pytest.mark.parametrize(
    ("lines", "status", "captured", "refunded"),
    [
        ((), PaymentState.PENDING, "0", "0"),
        ((ACT,), PaymentState.REQUIRES_ACTION, "0", "0"),
        ((ACT, PROCESSING), PaymentState.PROCESSING, "0", "0"),
        ((ACT, PROCESSING, FAILED), PaymentState.FAILED, "0", "0"),
        ((FAILED, CANCELLED), PaymentState.CANCELLED, "0", "0"),
        ((CAPTURED,), PaymentState.SUCCEEDED, "25.00", "0"),
        ((CAPTURED, CAPTURED), PaymentState.SUCCEEDED, "25.00", "0"),
        ((FAILED, CANCELLED, CAPTURED), PaymentState.SUCCEEDED, "25.00", "0"),
        ((CAPTURED, PART_BACK), PaymentState.PARTIALLY_REFUNDED, "25.00", "10.00"),
        ((CAPTURED, REFUNDED), PaymentState.REFUNDED, "25.00", "25.00"),
        ((REFUNDED,), PaymentState.PENDING, "0", "0"),
        ((CAPTURED, SECOND_CHARGE), PaymentState.SUCCEEDED, "50.00", "0"),
        ((CAPTURED, SECOND_CHARGE, REFUNDED), PaymentState.SUCCEEDED, "50.00", "25.00"),
        ((line(EntryKind.CAPTURED, HALF),), PaymentState.PENDING, "10.00", "0"),
    ],
)
def test_a_ledger_says_where_the_payment_stands(
    lines: tuple[Line, ...], status: PaymentState, captured: str, refunded: str
) -> None:
    assert fold_payment(lines, amount=AMOUNT) == Standing(status, Decimal(captured), Decimal(refunded))


def test_five_facts_give_one_state_in_all_120_orders() -> None:
    facts = (ACT, PROCESSING, FAILED, CAPTURED, PART_BACK)
    states = {fold_payment(order, amount=AMOUNT) for order in permutations(facts)}
    assert states == {Standing(PaymentState.PARTIALLY_REFUNDED, AMOUNT, HALF)}


@given(st.lists(st.sampled_from([ACT, PROCESSING, FAILED, CANCELLED, CAPTURED, PART_BACK, SECOND_CHARGE]), max_size=8))
def test_repetition_and_order_change_nothing(lines: list[Line]) -> None:
    expected = fold_payment(set(lines), amount=AMOUNT)
    assert fold_payment([*reversed(lines), *lines], amount=AMOUNT) == expected
    assert expected.refunded <= expected.captured


@given(
    st.sets(st.sampled_from([ACT, PROCESSING, FAILED, CANCELLED, CAPTURED, PART_BACK])),
    st.sampled_from([ACT, PROCESSING, FAILED, CANCELLED, CAPTURED, PART_BACK]),
)
def test_a_payment_that_has_ended_never_opens_again(lines: set[Line], more: Line) -> None:
    before = fold_payment(lines, amount=AMOUNT)
    after = fold_payment(lines | {more}, amount=AMOUNT)
    assert before.status in OPEN_STATES or after.status not in OPEN_STATES


def part(status: PaymentState, captured: str = "0", refunded: str = "0") -> Part:
    return Part(status, Decimal(captured), Decimal(refunded))


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((), PaymentStatus.PENDING),
        ((part(PaymentState.PENDING),), PaymentStatus.PENDING),
        ((part(PaymentState.FAILED),), PaymentStatus.FAILED),
        ((part(PaymentState.CANCELLED),), PaymentStatus.PENDING),
        ((part(PaymentState.FAILED), part(PaymentState.REQUIRES_ACTION)), PaymentStatus.PENDING),
        ((part(PaymentState.FAILED), part(PaymentState.SUCCEEDED, "25")), PaymentStatus.PAID),
        ((part(PaymentState.PARTIALLY_REFUNDED, "25", "5"),), PaymentStatus.PARTIALLY_REFUNDED),
        ((part(PaymentState.REFUNDED, "25", "25"),), PaymentStatus.REFUNDED),
        ((part(PaymentState.SUCCEEDED, "25"), part(PaymentState.SUCCEEDED, "25")), PaymentStatus.PAID),
        ((part(PaymentState.SUCCEEDED, "25"), part(PaymentState.REFUNDED, "25", "25")), PaymentStatus.PAID),
        ((part(PaymentState.SUCCEEDED, "50", "25"),), PaymentStatus.PAID),
        ((part(PaymentState.PARTIALLY_REFUNDED, "50", "30"),), PaymentStatus.PARTIALLY_REFUNDED),
        ((part(PaymentState.REFUNDED, "50", "50"),), PaymentStatus.REFUNDED),
    ],
)
def test_an_orders_payments_say_whether_it_is_paid(parts: tuple[Part, ...], status: PaymentStatus) -> None:
    assert fold_order(parts, total=AMOUNT) == status


def test_an_order_that_costs_nothing_is_paid_by_a_capture_of_nothing() -> None:
    standing = fold_payment([line(EntryKind.CAPTURED, Decimal(0))], amount=Decimal(0))
    assert standing == Standing(PaymentState.SUCCEEDED, Decimal(0), Decimal(0))
    assert fold_order([Part(standing.status, standing.captured, standing.refunded)], total=Decimal(0)) == "paid"
