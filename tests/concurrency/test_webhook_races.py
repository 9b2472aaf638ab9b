"""Promise 22: one message a hundred times at once is one row, one effect and a hundred answers of 200.

The senders are those of the vectors: each has an honest message that pays an order. SQLite has one writer at a time:
fewer come at once there, and who is turned away with 503 comes again, as a provider does.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.orders.models import OrderStatusChange
from apps.payments.models import Payment, PaymentEntry, WebhookEvent
from apps.payments.services import inbox
from apps.payments.services.inbox import RETRY_AFTER, apply_waiting_messages
from apps.payments.states import EntryKind
from core import clock
from core.events.models import OutboxEvent
from core.events.worker import deliver_all_due
from core.invariants import check_invariants
from tests.apps.orders.crowd import at_once
from tests.apps.payments.paying import ledger, money_of
from tests.apps.payments.senders import SENDERS, Sender
from tests.conftest import on_postgresql

pytestmark = pytest.mark.django_db(transaction=True)
TIMES, CLIENTS = 100, 20
TIMES_ON_SQLITE, CLIENTS_ON_SQLITE = 24, 4


@pytest.fixture
def sender(request: pytest.FixtureRequest, settings: Any) -> Iterator[Sender]:
    with SENDERS[request.param](settings) as made:
        deliver_all_due()
        yield made


def crowd() -> tuple[int, int]:
    return (TIMES, CLIENTS) if on_postgresql() else (TIMES_ON_SQLITE, CLIENTS_ON_SQLITE)


def post(sender: Sender) -> Callable[[], str]:
    """Return what sends the honest message until it is taken, as often as a provider would."""

    def send() -> str:
        for _ in range(20):
            response = sender.send()
            if response.status_code != 503 or on_postgresql():
                break
        return f"{response.status_code} {response.json().get('status')}"

    return send


def effects(sender: Sender) -> dict[str, Any]:
    """Return what one capture leaves behind, counted."""
    news = Counter(OutboxEvent.objects.values_list("name", flat=True))
    return {
        "inbox": WebhookEvent.objects.count(),
        "captured": PaymentEntry.objects.filter(kind=EntryKind.CAPTURED).count(),
        "sum": Payment.objects.get().captured_amount,
        "paid": news["orders.paid"],
        "moves": OrderStatusChange.objects.filter(field="payment_status", to_state="paid").count(),
        "order": money_of(sender.order),
    }


def one_effect(sender: Sender) -> dict[str, Any]:
    return {
        "inbox": 1,
        "captured": 1,
        "sum": sender.order.total_amount,
        "paid": 1,
        "moves": 1,
        "order": ("confirmed", "paid"),
    }


def broken() -> dict[str, tuple[str, ...]]:
    return {finding.name: finding.violations for finding in check_invariants() if finding.violations}


@pytest.mark.parametrize("sender", SENDERS, indirect=True)
def test_one_message_a_hundred_times_at_once_is_one_row_one_effect_and_a_hundred_answers(sender: Sender) -> None:
    times, clients = crowd()
    outcomes = Counter(map(str, at_once([post(sender)] * times, clients=clients)))
    assert outcomes == {"200 processed": times}
    apply_waiting_messages(now=clock.now() + RETRY_AFTER)
    deliver_all_due()
    assert effects(sender) == one_effect(sender)
    assert broken() == {}


@pytest.mark.postgres
@pytest.mark.parametrize("sender", ["stripe"], indirect=True)
def test_all_events_of_a_payment_at_once_are_one_payment(sender: Sender) -> None:
    """Different messages about one thing, each ten times: only the ledger can tell that it is one thing."""
    sender.fake.refund_at_dashboard(sender.payment.transaction_id, 500)
    bodies = [sender.fake.signed(event)[0] for event in sender.fake.events_of(sender.payment.transaction_id)]
    tasks = [lambda body=body: sender.send(body).status_code for _ in range(10) for body in bodies]

    assert Counter(map(str, at_once(tasks, clients=CLIENTS))) == {"200": 10 * len(bodies)}

    apply_waiting_messages(now=clock.now() + RETRY_AFTER)
    assert WebhookEvent.objects.count() == len(bodies)
    assert ledger(sender.payment) in (
        [("captured", "20.00"), ("refunded", "5.00")],
        [("refunded", "5.00"), ("captured", "20.00")],
    )
    assert money_of(sender.order) == ("confirmed", "partially_refunded")
    assert broken() == {}


@contextmanager
def nothing_unique() -> Iterator[None]:
    """Take the unique keys of the inbox and the ledger away."""
    keys = {"payments_webhookevent": "one_inbox_row_per_event", "payments_paymententry": "one_entry_per_fact"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
                       "WHERE contype = 'u' AND conrelid::regclass::text = ANY(%s)", [list(keys)])  # fmt: skip
        found = cursor.fetchall()
        for name, table, _ in found:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    try:
        yield
    finally:
        WebhookEvent.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE payments_paymententry CASCADE")
            for name, table, definition in found:
                cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


@pytest.mark.postgres
@pytest.mark.parametrize("sender", ["simulated"], indirect=True)
def test_control_without_the_unique_key_one_message_is_stored_again_and_again(sender: Sender) -> None:
    """Everybody who looks in time sees no such event: the look alone keeps nobody out."""
    everybody_has_looked = threading.Barrier(CLIENTS)
    look = inbox.find_payment

    def look_together(provider: str, message: Any) -> Any:
        found = look(provider, message)
        everybody_has_looked.wait(30)
        return found

    with nothing_unique(), patch.object(inbox, "find_payment", look_together):
        outcomes = Counter(map(str, at_once([post(sender)] * CLIENTS, clients=CLIENTS)))
        assert outcomes == {"200 processed": CLIENTS}
        assert WebhookEvent.objects.count() == CLIENTS


# --- Nothing is answered with 2xx that is not stored -----------------------------------------------------
@contextmanager
def database_fails(*, at: str) -> Iterator[None]:
    """This thread's connection fails when it is to commit, or with every statement."""

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    if at == "commit":
        with patch.object(BaseDatabaseWrapper, "_commit", fail):
            yield
    else:
        with connection.execute_wrapper(fail):
            yield


@pytest.mark.parametrize("at", ["commit", "statement"])
@pytest.mark.parametrize("sender", SENDERS, indirect=True)
def test_what_could_not_be_stored_is_answered_with_503_and_comes_again(sender: Sender, at: str) -> None:
    before = OutboxEvent.objects.count()
    with database_fails(at=at):
        response = sender.send()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response["Retry-After"]) >= 1
    assert not PaymentEntry.objects.filter(kind=EntryKind.CAPTURED).exists()
    assert OutboxEvent.objects.count() == before
    assert money_of(sender.order) == ("pending", "pending")

    assert sender.send().json() == {"status": "processed"}
    apply_waiting_messages(now=clock.now() + RETRY_AFTER)
    assert effects(sender) == one_effect(sender)


@pytest.mark.parametrize("sender", SENDERS, indirect=True)
def test_the_answer_is_given_after_the_commit(sender: Sender) -> None:
    """What another connection can see when the answer is written is what the answer says."""
    seen: list[tuple[bool, int]] = []
    answer = inbox.file_letter

    def look_afterwards(**kwargs: Any) -> Any:
        state = answer(**kwargs)
        seen.append((connection.in_atomic_block, _count_elsewhere()))
        return state

    with patch("apps.payments.services.webhooks.file_letter", look_afterwards):
        assert sender.send().json() == {"status": "processed"}
    assert seen == [(False, 1)]


def _count_elsewhere() -> int:
    found: list[int] = []

    def look() -> None:
        found.append(WebhookEvent.objects.filter(state="processed").count())
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]
