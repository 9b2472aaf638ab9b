"""Facts into the ledger, the ledger into states: the one place where a payment changes.

Lock order: order, then nothing else of payments, because every writer of a payment holds its order.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence

from apps.accounts.models import User
from apps.orders.locks import lock_order
from apps.orders.models import Order
from apps.orders.services.deadlines import move_payment_deadline
from apps.orders.services.expiry import EXPIRED
from apps.orders.services.payment_state import record_payment_status
from apps.orders.services.revival import revive_expired_order
from apps.orders.states import OrderStatus, PaymentStatus
from apps.payments.errors import ProviderContradiction
from apps.payments.events import SurplusReceived
from apps.payments.folding import Line, fold_order, fold_payment, refunded_sum
from apps.payments.gateways.base import Fact, StartResult
from apps.payments.models import Payment, PaymentEntry, Refund
from apps.payments.selectors import OrderAccount, read_account
from apps.payments.services.disputes import answer_disputes, answer_risk
from apps.payments.services.refund_rows import question_empty_order, record_refund_facts
from apps.payments.services.schedule import hold_until, next_inquiry_at, pay_until
from apps.payments.states import EntryKind, PaymentState, RefundState
from core.events.publishing import publish
from core.money import ZERO, format_amount
from core.transactions import atomic

_MONEY_WENT_BACK = frozenset({PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_NO_MONEY_YET = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
_WHOLE = frozenset({EntryKind.AUTHORISED, EntryKind.CAPTURED})
_REFUSALS = frozenset({EntryKind.FAILED, EntryKind.DECLINED})
_TAKEN_BACK = frozenset({EntryKind.REFUND_FAILED, EntryKind.DISPUTE_WON})


def apply_facts(*, payment: Payment, facts: Sequence[Fact], now: dt.datetime, actor: User | None = None) -> Payment:
    """The facts are in the ledger, each once; the payment and its order say what the ledger says. Returns it anew.

    `payment` may be out of date: only its ids count. Facts that are known already change nothing.
    Locks the order. Publishes what the order's new payment status calls for, MoneyRefunded, RefundFailed, DisputeOpened
    and DisputeClosed for what was told, and SurplusReceived when more came than the order costs. Money for an order
    that expired brings it back to life if its stock is still there. Raises ProviderContradiction, with nothing written,
    when amount or currency do not fit.
    """
    with atomic():
        return settle(order=lock_order(payment.order_id), payment_id=payment.pk, facts=facts, now=now, actor=actor)


def apply_start(*, payment: Payment, started: StartResult, now: dt.datetime) -> Payment:
    """The provider's answer to the start of this attempt is recorded, as by `apply_facts`. Returns the payment.

    An order without money whose attempt is as we left it has an empty ledger: its account is not read (statements:
    lock, payment, ledger, and what the order writes). If somebody told us more meanwhile, it is read after all.
    """
    with atomic():
        order = lock_order(payment.order_id)
        is_untouched = payment.ledger_size == 0 and order.payment_status in _NO_MONEY_YET
        expected = OrderAccount.untouched(payment) if is_untouched else None
        return settle(
            order=order, payment_id=payment.pk, facts=started.facts, now=now, started=started, expected=expected
        )


def settle(
    *,
    order: Order,
    payment_id: uuid.UUID,
    facts: Sequence[Fact],
    now: dt.datetime,
    started: StartResult | None = None,
    actor: User | None = None,
    expected: OrderAccount | None = None,
) -> Payment:
    """As `apply_facts`, for a caller who holds the order's lock. `expected` is an account believed to be up to date."""
    account = expected or read_account(order.pk)
    payment = account.payments[payment_id]
    payment.order = order
    known = list(account.lines[payment_id])
    fresh = _unknown(facts, known)
    _refuse_contradiction(payment, fresh, known)
    learned = _learn(payment, started)
    if not fresh and not learned:
        answer_risk(order=order, facts=facts, now=now)  # the first word of this money may not have told the risk
        return payment
    account.lines[payment_id].extend(Line(fact.kind, fact.amount, fact.reference, fact.occurred_at) for fact in fresh)
    state_before = payment.state
    if not _write_payment(payment, account.lines[payment_id], fresh, learned, now):
        if expected is None:
            raise RuntimeError("a payment changed although its order was locked")
        return settle(order=order, payment_id=payment_id, facts=facts, now=now, started=started, actor=actor)
    _write_entries(payment, fresh, actor)
    record_refund_facts(order=order, payment=payment, fresh=fresh, lines=account.lines[payment_id], now=now)
    _revive_if_paid(order, account, fresh, now)
    _tell_order(order, account, fresh, now=now, actor=actor)
    _move_deadline(order, payment, state_before, now)
    _tell_surplus(order, account, payment, fresh)
    answer_disputes(order=order, payment=payment, fresh=fresh, known=known, now=now)
    answer_risk(order=order, facts=facts, now=now)
    question_empty_order(
        order=order,
        parts=account.parts(),
        currency=payment.currency,
        is_money_back=_is_taken_back(fresh),
        times_back=sum(line.kind in _TAKEN_BACK for lines in account.lines.values() for line in lines),
        now=now,
    )
    return payment


def _unknown(facts: Sequence[Fact], lines: Iterable[Line]) -> list[Fact]:
    """Return the facts that are not in the ledger, each once: what was told twice has one kind and reference."""
    known = {(line.kind, line.reference) for line in lines}
    fresh: dict[tuple[EntryKind, str], Fact] = {}
    for fact in facts:
        if (fact.kind, fact.reference) not in known:
            fresh.setdefault((fact.kind, fact.reference), fact)
    return list(fresh.values())


def _refuse_contradiction(payment: Payment, fresh: Sequence[Fact], known: Sequence[Line]) -> None:
    for fact in fresh:
        if fact.currency != payment.currency:
            raise ProviderContradiction(f"The provider told {fact.currency}, the payment is in {payment.currency}.")
        if fact.kind in _WHOLE and fact.amount != payment.amount:
            raise ProviderContradiction("The provider captured another amount than the payment's.")
        if fact.kind == EntryKind.REFUNDED and fact.amount <= 0:
            raise ProviderContradiction("The provider moved no money at all.")
    lines = [*known, *(Line(fact.kind, fact.amount, fact.reference, fact.occurred_at) for fact in fresh)]
    if refunded_sum(lines) > max(payment.amount, payment.captured_amount):
        raise ProviderContradiction("The provider refunded more than was paid.")


def _learn(payment: Payment, started: StartResult | None) -> dict[str, str]:
    """Return what the start tells about the payment and was not known."""
    if started is None:
        return {}
    told = {
        "transaction_id": started.transaction_id,
        "client_secret": started.client_secret,
        "redirect_url": started.redirect_url,
        "session_reference": started.session_reference,
    }
    return {name: value for name, value in told.items() if value and value != getattr(payment, name)}


def _write_payment(
    payment: Payment, lines: Sequence[Line], fresh: Sequence[Fact], learned: dict[str, str], now: dt.datetime
) -> bool:
    """Write what the ledger says, unless it grew since it was read. Returns whether it was written."""
    standing = fold_payment(lines, amount=payment.amount)
    values = {
        **learned,
        "status": standing.status,
        "captured_amount": standing.captured,
        "refunded_amount": standing.refunded,
        "disputed_amount": standing.disputed,
        "charged_back_amount": standing.charged_back,
        "ledger_size": len(lines),
        "next_inquiry_at": _next_inquiry(payment, standing.status, now),
        "failure_code": "" if standing.captured else _latest_refusal(fresh, lines) or payment.failure_code,
        "updated_at": now,
    }
    unchanged = Payment.objects.filter(pk=payment.pk, ledger_size=payment.ledger_size)
    if not unchanged.update(**values):
        return False
    for name, value in values.items():
        setattr(payment, name, value)
    return True


def _next_inquiry(payment: Payment, state: PaymentState, now: dt.datetime) -> dt.datetime | None:
    """Money that is here is only asked about for its refunds, whose time stands."""
    if payment.captured_amount:
        return payment.next_inquiry_at
    return next_inquiry_at(payment=payment, state=state, now=now)


def _latest_refusal(fresh: Iterable[Fact], lines: Iterable[Line]) -> str:
    """Return why the latest try was refused, by the provider's clock, if that is news; else ""."""
    latest = max(filter(_is_refusal, lines), key=_moment, default=None)
    news = max(filter(_is_refusal, fresh), key=_moment, default=None)
    if news is None or latest is None or _moment(news) < _moment(latest):
        return ""
    return news.detail.get("code", "")[:100]


def _is_refusal(said: Fact | Line) -> bool:
    return said.kind in _REFUSALS


def _moment(said: Fact | Line) -> tuple[dt.datetime, str]:
    return said.occurred_at, said.reference


def _write_entries(payment: Payment, fresh: Sequence[Fact], actor: User | None) -> None:
    if not fresh:
        return
    PaymentEntry.objects.bulk_create(
        [
            PaymentEntry(
                payment=payment,
                kind=fact.kind,
                amount=fact.amount,
                currency=fact.currency,
                reference=fact.reference,
                occurred_at=fact.occurred_at,
                actor=actor,
                detail=dict(fact.detail),
            )
            for fact in fresh
        ]
    )


def _revive_if_paid(order: Order, account: OrderAccount, fresh: Iterable[Fact], now: dt.datetime) -> None:
    """Bring an expired order back when its money has come after all, nothing of it is on its way back, and its stock
    is still there. Otherwise it stays cancelled, and the money is returned as that of any cancelled order."""
    if order.status != OrderStatus.CANCELLED or order.cancel_reason != EXPIRED:
        return
    if not any(fact.kind == EntryKind.CAPTURED for fact in fresh):
        return
    held = sum((part.captured - part.returned for part in account.parts()), ZERO)
    going = Refund.objects.filter(payment__order=order).exclude(state=RefundState.FAILED)
    if held >= order.total_amount and not going.exists():
        revive_expired_order(order=order, now=now)


def _tell_order(
    order: Order, account: OrderAccount, fresh: Iterable[Fact], *, now: dt.datetime, actor: User | None
) -> None:
    status = fold_order(account.parts(), total=order.total_amount)
    is_taken_back = _is_taken_back(fresh)
    if order.payment_status in _MONEY_WENT_BACK and status != PaymentStatus.REFUNDED and not is_taken_back:
        # Money came again for an order whose money had gone back: it keeps its status, and the surplus is returned.
        return
    record_payment_status(
        order=order, to=status, now=now, actor=actor, reason="payment ledger", may_go_back=is_taken_back
    )


def _is_taken_back(fresh: Iterable[Fact]) -> bool:
    return any(fact.kind in _TAKEN_BACK for fact in fresh)


def _move_deadline(order: Order, payment: Payment, before: PaymentState, now: dt.datetime) -> None:
    """Money under way keeps the order's stock; when it does not come after all, there is time to pay again."""
    if order.status != OrderStatus.PENDING or payment.state == before:
        return
    if payment.state == PaymentState.PROCESSING:
        move_payment_deadline(order=order, to=hold_until(now), now=now)
    elif before == PaymentState.PROCESSING:
        move_payment_deadline(order=order, to=pay_until(now), now=now)


def _tell_surplus(order: Order, account: OrderAccount, payment: Payment, fresh: Iterable[Fact]) -> None:
    """Publish SurplusReceived if a capture brought money that is not the order's to keep."""
    if not any(fact.kind == EntryKind.CAPTURED for fact in fresh):
        return
    wanted = ZERO if order.status == OrderStatus.CANCELLED else order.total_amount
    held = sum((part.captured for part in account.parts()), ZERO)
    if held > wanted:
        publish(
            SurplusReceived(
                order_id=str(order.pk),
                payment_id=str(payment.pk),
                amount=format_amount(held - wanted, payment.currency),
                currency=payment.currency,
            )
        )
