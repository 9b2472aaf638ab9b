"""Messages of a provider in every order: plays one, looks at what the shop has come to, and takes it all back."""

import copy
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from itertools import permutations
from typing import Any

from django.core import mail
from django.db import transaction

from apps.inventory.models import Reservation, Stock
from apps.orders.models import Order, OrderItem
from apps.payments.models import Payment, PaymentEntry, Refund, WebhookEvent
from apps.payments.services.webhooks import receive
from apps.payments.states import InboxState
from apps.support.models import Escalation
from core import clock
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from core.invariants import check_invariants
from tests.fakes.stripe_provider import StripeFake

Message = Callable[[], tuple[bytes, dict[str, str]]]
State = dict[str, Any]
# Ids of ours, with the number of a case if they have one, and the names of refunds that are made while it is played.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:\d+)?|(?<=re_)[0-9a-f]{24}")
_MODELS_OF_MONEY = {
    "orders": (Order, ("order_number", "status", "payment_status", "is_on_hold", "cancel_reason", "total_amount")),
    "lines": (OrderItem, ("quantity", "refunded_quantity", "restocked_quantity")),
    "payments": (
        Payment,
        (
            "provider", "transaction_id", "status", "amount", "captured_amount", "refunded_amount", "disputed_amount",
            "charged_back_amount", "failure_code", "ledger_size",
        ),
    ),
    "ledger": (PaymentEntry, ("kind", "amount", "currency", "reference")),
    "refunds": (
        Refund, ("amount", "currency", "state", "cause", "reason", "failure_code", "provider_reference"),
    ),
    "escalations": (
        Escalation,
        ("kind", "reference", "status", "title", "detail", "amount", "currency", "holds_fulfilment", "resolution"),
    ),
    "stock": (Stock, ("on_hand", "reserved")),
    "reservations": (Reservation, ("state", "quantity")),
    "inbox": (WebhookEvent, ("event_id", "state", "reason")),
}  # fmt: skip


def state_of_the_shop() -> State:
    """Return what money, goods and mail have come to, without ids of ours and without times."""
    found: State = {
        name: sorted((_without_ids(row) for row in model.objects.order_by().values_list(*fields)), key=str)
        for name, (model, fields) in _MODELS_OF_MONEY.items()
    }
    found["mails"] = sorted((letter.subject, *letter.to) for letter in mail.outbox)
    found["message ids"] = len({letter.extra_headers["Message-ID"] for letter in mail.outbox})
    return found


def _without_ids(row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_ID.sub("…", value) if isinstance(value, str) else value for value in row)


def play(provider: str, messages: Iterable[Message], *, by_and_by: bool, is_checked: bool = True) -> State:
    """Every message comes twice; the worker runs after each (`by_and_by`) or when all are here. Nothing of it stays."""
    with undone():
        mail.outbox.clear()
        for message in messages:
            states = {_deliver(provider, message) for _ in range(2)}
            assert states <= {InboxState.PROCESSED, InboxState.IGNORED}, states
            if by_and_by:
                deliver_all_due()
        deliver_all_due()
        assert not OutboxEvent.objects.filter(dispatched_at=None).exists()
        if is_checked:
            assert {finding.name: finding.violations for finding in check_invariants() if finding.violations} == {}
        return state_of_the_shop()


def all_orders(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Return the messages in every order."""
    return list(permutations(messages))


def some_orders(messages: Sequence[Message], *, count: int, seed: int) -> list[tuple[Message, ...]]:
    """Return the messages as they are, backwards, and in so many random orders."""
    dice = random.Random(seed)
    return [
        tuple(messages),
        tuple(reversed(messages)),
        *(tuple(dice.sample(messages, len(messages))) for _ in range(count)),
    ]


def play_all(
    provider: str,
    orders: Iterable[Sequence[Message]],
    fake: StripeFake | None = None,
    *,
    leave_out: Set[str] = frozenset(),
) -> State:
    """Return the one state in which all orders end. Fails with the first difference.

    The invariants are looked at in every tenth: they tell little more of a state that is the same.
    """
    expected: State | None = None
    for number, order_of_arrival in enumerate(orders):
        with provider_undone(fake):
            ended = play(provider, order_of_arrival, by_and_by=number % 2 == 0, is_checked=number % 10 == 0)
        expected = expected or ended
        differs = {
            name: (ended[name], expected[name]) for name in ended.keys() - leave_out if ended[name] != expected[name]
        }
        assert differs == {}, f"the order of arrival number {number} ends in {differs}"
    assert expected is not None
    return expected


@contextmanager
def undone() -> Iterator[None]:
    """Nothing of what happens inside is in the database afterwards."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


@contextmanager
def provider_undone(fake: StripeFake | None) -> Iterator[None]:
    """The stand-in has forgotten what it was asked to do inside."""
    if fake is None:
        yield
        return
    books = fake.books
    kept = copy.deepcopy((books._tables, books.events, books.movements))
    try:
        yield
    finally:
        with books.lock:
            books._tables, books.events, books.movements = kept


def _deliver(provider: str, message: Message) -> InboxState:
    body, headers = message()
    return receive(provider=provider, body=body, headers=headers, now=clock.now())
