"""From ledgers to states: pure functions of a set, so that no order of arrival can matter.

A payment's state is folded from its entries; an order's payment status from the sums of its payments.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from apps.orders.states import PaymentStatus
from apps.payments.states import OPEN_STATES, EntryKind, PaymentState
from core.money import ZERO

# Without money: what has ended does not open again, a later attempt is another payment. Of the rest the latest word
# counts, by the provider's own clock; of two in one second the one that stands further on in this list.
_ENDS = ((EntryKind.CANCELLED, PaymentState.CANCELLED), (EntryKind.FAILED, PaymentState.FAILED))
_ON_THE_WAY = {
    EntryKind.REQUIRES_ACTION: PaymentState.REQUIRES_ACTION,
    EntryKind.DECLINED: PaymentState.PENDING,
    EntryKind.PROCESSING: PaymentState.PROCESSING,
    EntryKind.AUTHORISED: PaymentState.PROCESSING,
}
_RANK = {kind: rank for rank, kind in enumerate(_ON_THE_WAY)}
DISPUTE_KINDS = frozenset({EntryKind.DISPUTED, EntryKind.DISPUTE_WON, EntryKind.DISPUTE_LOST})


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """What the fold needs of an entry."""

    kind: EntryKind
    amount: Decimal
    reference: str
    occurred_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """What a payment's ledger amounts to. refunded + charged_back + disputed never exceed captured: what is told before
    its capture counts from the moment the capture is known."""

    status: PaymentState
    captured: Decimal
    refunded: Decimal
    disputed: Decimal = ZERO
    charged_back: Decimal = ZERO


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What an order's sums need of one of its payments; `returned` is what the payer has back, however."""

    status: PaymentState
    captured: Decimal
    returned: Decimal


def fold_payment(lines: Iterable[Line], *, amount: Decimal) -> Standing:
    """Return where a payment of `amount` stands. The same set of lines gives the same answer in every order."""
    lines = list(lines)
    captured = _sum_of(lines, EntryKind.CAPTURED)
    refunded = min(refunded_sum(lines), captured)
    lost, open_ = _dispute_sums(lines)
    charged_back = min(lost, captured - refunded)
    return Standing(
        status=_status(lines, amount, captured, refunded + charged_back),
        captured=captured,
        refunded=refunded,
        disputed=min(open_, captured - refunded - charged_back),
        charged_back=charged_back,
    )


def refunded_sum(lines: Sequence[Line]) -> Decimal:
    """Return what was refunded and did not come back: a refund may fail days after it was told."""
    failed = {line.reference for line in lines if line.kind == EntryKind.REFUND_FAILED}
    return _sum_of([line for line in lines if line.reference not in failed], EntryKind.REFUNDED)


def is_decided(lines: Iterable[Line], dispute: str) -> bool:
    """True when a dispute was won or lost."""
    decided = {EntryKind.DISPUTE_WON, EntryKind.DISPUTE_LOST}
    return any(line.reference == dispute and line.kind in decided for line in lines)


def fold_order(parts: Iterable[Part], *, total: Decimal) -> PaymentStatus:
    """Return the payment status of an order of `total`.

    A surplus that went back is not a refund of the order. Without money the order waits while an attempt is open,
    has failed when an attempt did, and waits again when attempts were only given up.
    """
    parts = list(parts)
    captured = sum((part.captured for part in parts), ZERO)
    returned = sum((part.returned for part in parts), ZERO)
    if any(part.status in _MONEY_CAME for part in parts) and captured >= total:
        returned = max(ZERO, returned - surplus(captured=captured, total=total))
        if returned == 0:
            return PaymentStatus.PAID
        return PaymentStatus.REFUNDED if returned >= total else PaymentStatus.PARTIALLY_REFUNDED
    states = {part.status for part in parts}
    if PaymentState.FAILED in states and not states & OPEN_STATES:
        return PaymentStatus.FAILED
    return PaymentStatus.PENDING


def surplus(*, captured: Decimal, total: Decimal) -> Decimal:
    """Return how much more than the order's total came in."""
    return max(ZERO, captured - total)


_MONEY_CAME = frozenset({PaymentState.SUCCEEDED, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED})


def _sum_of(lines: Iterable[Line], kind: EntryKind) -> Decimal:
    """Sum a kind over distinct references: what was told twice moved once."""
    amounts = {line.reference: line.amount for line in lines if line.kind == kind}
    return sum(amounts.values(), ZERO)


def _dispute_sums(lines: Iterable[Line]) -> tuple[Decimal, Decimal]:
    """Return what was lost to disputes and what undecided ones withhold. Won beats lost: an appeal may succeed."""
    told = [line for line in lines if line.kind in DISPUTE_KINDS]
    amounts: dict[str, Decimal] = {}
    for line in told:
        amounts[line.reference] = max(line.amount, amounts.get(line.reference, ZERO))
    won = {line.reference for line in told if line.kind == EntryKind.DISPUTE_WON}
    lost = {line.reference for line in told if line.kind == EntryKind.DISPUTE_LOST} - won
    undecided = amounts.keys() - won - lost
    return sum((amounts[name] for name in lost), ZERO), sum((amounts[name] for name in undecided), ZERO)


def _status(lines: list[Line], amount: Decimal, captured: Decimal, returned: Decimal) -> PaymentState:
    kinds = {line.kind for line in lines}
    if EntryKind.CAPTURED in kinds:
        if captured - returned >= amount:
            return PaymentState.SUCCEEDED
        if returned:
            return PaymentState.REFUNDED if returned == captured else PaymentState.PARTIALLY_REFUNDED
    for kind, state in _ENDS:
        if kind in kinds:
            return state
    latest = max(
        (line for line in lines if line.kind in _ON_THE_WAY),
        key=lambda line: (line.occurred_at, _RANK[line.kind]),
        default=None,
    )
    return _ON_THE_WAY[latest.kind] if latest else PaymentState.PENDING
