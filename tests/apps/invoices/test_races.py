"""Numbers under fire, on PostgreSQL with real connections; each race has a control that fails without the guard."""

import datetime as dt
import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from apps.invoices.events import InvoiceRequested
from apps.invoices.handlers import make_document_that_was_asked_for
from apps.invoices.invariants import numbers_are_gapless, sequence_is_at_the_last_number
from apps.invoices.models import Invoice, InvoiceDocument, InvoiceSequence
from apps.invoices.services import issuing
from apps.invoices.services.documents import document_storage, request_document, store_document
from apps.invoices.services.issuing import issue_invoice
from apps.orders.models import Order
from core import clock
from core.events.models import OutboxEvent
from core.events.registry import Envelope
from core.transactions import atomic
from tests.apps.orders.crowd import at_once, without_row_locks
from tests.apps.orders.making import make_order

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ORDERS = 20


def orders(count: int) -> list[Order]:
    return [make_order(payment_method="cod") for _ in range(count)]


def issue(order: Order) -> Callable[[], Invoice]:
    return lambda: issue_invoice(order=order, now=clock.now())


def test_twenty_orders_at_once_get_the_numbers_one_to_twenty() -> None:
    issued = at_once([issue(order) for order in orders(ORDERS)], clients=ORDERS)
    assert sorted(invoice.number for invoice in issued) == list(range(1, ORDERS + 1))
    assert [*numbers_are_gapless(), *sequence_is_at_the_last_number()] == []


def test_control_without_the_lock_of_the_series_numbers_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_then_write(*, series: str) -> int:
        number = InvoiceSequence.objects.filter(series=series).values_list("last_number", flat=True).first() or 0
        time.sleep(0.05)
        InvoiceSequence.objects.update_or_create(series=series, defaults={"last_number": number + 1})
        return number + 1

    monkeypatch.setattr(issuing, "take_number", read_then_write)
    issued = at_once([issue(order) for order in orders(ORDERS)], clients=ORDERS)
    assert [outcome for outcome in issued if isinstance(outcome, Exception)]


def test_an_issue_that_fails_among_others_leaves_no_gap() -> None:
    def fail(order: Order) -> Callable[[], Any]:
        def run() -> None:
            with atomic():
                issue_invoice(order=order, now=clock.now())
                time.sleep(0.02)
                raise RuntimeError("power cut")

        return run

    placed = orders(ORDERS)
    tasks = [fail(order) if index % 2 else issue(order) for index, order in enumerate(placed)]
    at_once(tasks, clients=ORDERS)
    assert sorted(Invoice.objects.values_list("number", flat=True)) == list(range(1, ORDERS // 2 + 1))
    assert [*numbers_are_gapless(), *sequence_is_at_the_last_number()] == []


def test_one_order_asked_for_by_many_at_once_has_one_invoice() -> None:
    (order,) = orders(1)
    issued = at_once([issue(order)] * ORDERS, clients=ORDERS)
    assert {invoice.pk for invoice in issued} == {Invoice.objects.get().pk}
    assert InvoiceSequence.objects.get().last_number == 1


def test_control_without_the_lock_of_the_order_some_are_refused() -> None:
    (order,) = orders(1)

    def issue_unlocked() -> Invoice:
        with without_row_locks():
            return issue_invoice(order=order, now=clock.now())

    issued = at_once([issue_unlocked] * ORDERS, clients=ORDERS)
    assert [outcome for outcome in issued if isinstance(outcome, Exception)]
    assert Invoice.objects.count() == 1  # the unique key is the last guard


def all_well(tasks: list[Callable[[], Any]]) -> None:
    """Run the tasks at once; none raises."""
    assert [outcome for outcome in at_once(tasks, clients=len(tasks)) if isinstance(outcome, Exception)] == []


def test_workers_who_make_one_document_at_once_leave_one() -> None:
    (order,) = orders(1)
    event = InvoiceRequested(order_id=str(order.pk))
    envelope = Envelope(event_id="1", handler="invoices.make_document", occurred_at="", request_id="", attempt=1)
    all_well([lambda: make_document_that_was_asked_for(event, envelope)] * 8)
    document = InvoiceDocument.objects.get()
    with document_storage().open(document.name) as file:
        assert hashlib.sha256(file.read()).hexdigest() == document.sha256
    assert [invoice.number for invoice in Invoice.objects.all()] == [1]


def test_twenty_who_ask_at_once_ask_the_worker_once() -> None:
    (order,) = orders(1)
    all_well([lambda: request_document(order_id=order.pk, document=None, now=clock.now())] * 20)
    assert OutboxEvent.objects.filter(name=InvoiceRequested.name).count() == 1
    later = clock.now() + dt.timedelta(minutes=2)
    document = InvoiceDocument.objects.get()
    all_well([lambda: request_document(order_id=order.pk, document=document, now=later)] * 20)
    assert OutboxEvent.objects.filter(name=InvoiceRequested.name).count() == 2


def test_twenty_who_find_the_file_lost_ask_the_worker_once() -> None:
    (order,) = orders(1)
    store_document(invoice=issue_invoice(order=order, now=clock.now()), now=clock.now())
    document = InvoiceDocument.objects.get()
    all_well([lambda: request_document(order_id=order.pk, document=document, now=clock.now())] * 20)
    assert OutboxEvent.objects.filter(name=InvoiceRequested.name).count() == 1
    assert InvoiceDocument.objects.get().name == ""
