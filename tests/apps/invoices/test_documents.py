"""The PDF of an invoice: made by the worker, stored once, asked for until it is there, made again when it is lost."""

import datetime as dt
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.urls import reverse

from apps.accounts.models import User
from apps.invoices.events import InvoiceRequested
from apps.invoices.handlers import make_document_that_was_asked_for
from apps.invoices.models import Invoice, InvoiceDocument
from apps.invoices.services import documents
from apps.invoices.services.cleaning import remove_orphans
from apps.invoices.services.documents import document_storage, request_document, store_document
from apps.invoices.services.issuing import issue_invoice
from apps.orders.models import Order
from core import clock
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent
from core.events.registry import Envelope, find_handler
from core.events.worker import deliver_all_due
from core.storages.local import PrivateFiles
from tests.apps.orders.making import force_move, make_order
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
Signed = Callable[[User], ApiClient]
ENVELOPE = Envelope(event_id="1", handler="invoices.make_document", occurred_at="", request_id="", attempt=1)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Documents of this test are kept in a folder of its own."""
    options = {"BACKEND": "core.storages.local.PrivateFiles", "OPTIONS": {"location": tmp_path / "documents"}}
    settings.STORAGES = {**settings.STORAGES, "documents": options}
    return tmp_path / "documents"


@pytest.fixture
def order(customer: User) -> Order:
    return make_order(user=customer, payment_method="cod")


@pytest.fixture
def fetch(api_as: Signed, customer: User, order: Order) -> Callable[[], HttpResponse]:
    client = api_as(customer)
    return lambda: client.get(f"orders/{order.pk}/invoice/")


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def requests_published() -> int:
    return OutboxEvent.objects.filter(name=InvoiceRequested.name).count()


def issued(order: Order) -> Invoice:
    return issue_invoice(order=order, now=clock.now())


# --- Making it -------------------------------------------------------------------------------------
def test_the_worker_makes_the_document_of_a_confirmed_order(order: Order, folder: Path) -> None:
    deliver_all_due()
    invoice, document = Invoice.objects.get(), InvoiceDocument.objects.get()
    (file,) = files_in(folder)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == document.sha256
    assert document.name == f"invoices/{invoice.series}/{invoice.full_number}-{document.sha256}.pdf"
    assert (file, document.order_id) == (folder / document.name, order.pk)
    assert document.stored_at is not None
    assert document.requested_at is None


def test_an_invoice_is_announced_with_its_number_and_once(order: Order) -> None:
    number = issued(order).full_number
    issued(order)
    (event,) = OutboxEvent.objects.filter(name="invoices.issued")
    assert event.payload == {"order_id": str(order.pk), "invoice_number": number}
    assert event.aggregate_id == str(order.pk)


def test_its_handlers_stand_in_the_queue_of_documents() -> None:
    for name in ("invoices.store_document", "invoices.make_document"):
        registration = find_handler(name)
        assert registration is not None
        assert registration.queue == "documents"


def test_a_handler_that_runs_twice_leaves_one_document(order: Order, folder: Path) -> None:
    event = InvoiceRequested(order_id=str(order.pk))
    make_document_that_was_asked_for(event, ENVELOPE)
    first = InvoiceDocument.objects.values().get()
    make_document_that_was_asked_for(event, ENVELOPE)
    assert InvoiceDocument.objects.values().get() == first
    assert (Invoice.objects.count(), len(files_in(folder))) == (1, 1)


def test_who_dies_between_storing_and_the_row_is_succeeded_by_the_same_file(order: Order, folder: Path) -> None:
    invoice = issued(order)
    store_document(invoice=invoice, now=clock.now())
    before = files_in(folder)
    InvoiceDocument.objects.all().delete()  # as if the row had never been written
    store_document(invoice=invoice, now=clock.now())
    assert files_in(folder) == before
    assert InvoiceDocument.objects.get().name == str(before[0].relative_to(folder))


def test_a_file_appears_whole_or_not_at_all(folder: Path) -> None:
    def power_cut() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("power cut")

    content = ContentFile(b"")
    content.chunks = lambda chunk_size=None: power_cut()  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        PrivateFiles(folder).save("paper.pdf", content)
    assert files_in(folder) == []


def test_a_cancelled_order_without_an_invoice_gets_no_document(order: Order, folder: Path) -> None:
    force_move(order, "cancelled")
    make_document_that_was_asked_for(InvoiceRequested(order_id=str(order.pk)), ENVELOPE)
    assert (Invoice.objects.count(), InvoiceDocument.objects.count(), files_in(folder)) == (0, 0, [])


def test_the_database_knows_a_document_that_is_stored_from_one_that_is_not(order: Order) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        InvoiceDocument.objects.create(order=order, name="invoices/x.pdf")


# --- Asking for it ---------------------------------------------------------------------------------
@pytest.mark.parametrize("base", ["/api/v1/", "/api/v2/", "/api/"])
def test_before_it_is_ready_the_answer_is_202_and_then_the_pdf(
    api_as: Signed, customer: User, order: Order, base: str
) -> None:
    client = api_as(customer)
    client.base = base
    path = f"{base}orders/{order.pk}/invoice/"
    response = client.get(path, Accept="application/pdf")
    assert (response.status_code, response["Location"], response["Retry-After"]) == (202, path, "1")
    assert (response["Content-Type"], response.json()) == ("application/json", {"status": "preparing"})
    assert response["Cache-Control"] == "private, no-store"
    deliver_all_due()
    response = client.get(response["Location"], Accept="application/pdf")
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    assert hashlib.sha256(response.content).hexdigest() == InvoiceDocument.objects.get().sha256


def test_asking_makes_up_for_news_that_were_dropped(fetch: Callable[[], HttpResponse]) -> None:
    OutboxEvent.objects.all().delete()
    assert fetch().status_code == 202
    deliver_all_due()
    assert fetch().status_code == 200


def test_who_asks_again_and_again_asks_the_worker_once_a_minute(order: Order, fetch: Callable[[], Any]) -> None:
    for _ in range(3):
        assert fetch().status_code == 202
    assert requests_published() == 1
    later = clock.now() + dt.timedelta(seconds=60)
    for _ in range(2):
        request_document(order_id=order.pk, document=InvoiceDocument.objects.get(), now=later)
    assert requests_published() == 2


def test_before_confirmation_nothing_is_asked_of_the_worker(api_as: Signed, customer: User) -> None:
    pending = make_order(user=customer)
    response = api_as(customer).get(f"orders/{pending.pk}/invoice/")
    assert (response.status_code, response.json()["code"]) == (409, "invoice_not_ready")
    assert (InvoiceDocument.objects.count(), requests_published()) == (0, 0)


def test_strangers_ask_nothing_of_the_worker(api: ApiClient, order: Order) -> None:
    assert api.get(f"orders/{order.pk}/invoice/").status_code == 401
    assert (InvoiceDocument.objects.count(), requests_published()) == (0, 0)


# --- Losing it -------------------------------------------------------------------------------------
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"%PDF-1.3 torn")])
def test_a_file_that_is_lost_or_damaged_is_made_again_with_the_same_bytes(
    fetch: Callable[[], HttpResponse], folder: Path, damage: Callable[[Path], Any]
) -> None:
    deliver_all_due()
    before, number = fetch().content, Invoice.objects.get().full_number
    damage(files_in(folder)[0])
    assert [fetch().status_code for _ in range(3)] == [202, 202, 202]
    assert requests_published() == 1
    assert InvoiceDocument.objects.get().name == ""
    deliver_all_due()
    assert fetch().content == before
    assert Invoice.objects.get().full_number == number


def test_a_storage_that_fails_is_503_to_who_asks_and_nothing_is_taken_for_lost(
    fetch: Callable[[], HttpResponse], folder: Path
) -> None:
    deliver_all_due()
    (file,) = files_in(folder)
    file.rename(file.with_suffix(".kept"))
    file.mkdir()  # it cannot be opened now, and that is not "no such file"
    response = fetch()
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert response["Retry-After"] == "5"
    assert InvoiceDocument.objects.get().name == str(file.relative_to(folder))
    assert requests_published() == 0


def test_while_the_storage_fails_the_worker_tries_again_and_the_number_is_given(
    order: Order, folder: Path, fetch: Callable[[], HttpResponse]
) -> None:
    folder.write_text("a file where the folder should be")
    deliver_all_due()
    delivery = OutboxDelivery.objects.get(handler="invoices.store_document")
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert Invoice.objects.get().number == 1
    assert not InvoiceDocument.objects.exists()
    folder.unlink()
    deliver_all_due(now=clock.now() + dt.timedelta(minutes=5))
    assert fetch().status_code == 200
    assert Invoice.objects.get().number == 1


def test_the_back_office_draws_what_is_not_stored(admin_client: Any, order: Order) -> None:
    invoice = issued(order)
    path = reverse("admin:invoices_invoice_pdf", args=[invoice.pk])
    drawn = admin_client.get(path).content
    store_document(invoice=invoice, now=clock.now())
    assert admin_client.get(path).content == drawn
    assert hashlib.sha256(drawn).hexdigest() == InvoiceDocument.objects.get().sha256


# --- Clean-up and privacy --------------------------------------------------------------------------
def test_files_that_belong_to_no_invoice_go_after_a_day(order: Order, folder: Path) -> None:
    deliver_all_due()
    (kept,) = files_in(folder)
    orphans = [document_storage().save(f"invoices/INV-2026/{name}.pdf", ContentFile(b"x")) for name in "abc"]
    now = clock.now()
    for path in (kept, folder / orphans[0], folder / orphans[1]):
        os.utime(path, times=((now - dt.timedelta(days=2)).timestamp(),) * 2)
    assert remove_orphans(now=now) == 2
    assert files_in(folder) == sorted([kept, folder / orphans[2]])
    assert remove_orphans(now=now) == 0


def test_where_nothing_was_ever_stored_there_is_nothing_to_remove() -> None:
    assert remove_orphans(now=clock.now()) == 0


def test_the_names_of_stored_files_are_looked_up_a_round_at_a_time(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr("apps.invoices.services.cleaning.NAMES_PER_ROUND", 4)
    for number in range(10):
        document_storage().save(f"invoices/INV-2026/{number}.pdf", ContentFile(b"x"))
    with django_assert_num_queries(3):
        assert remove_orphans(now=clock.now() + dt.timedelta(days=2)) == 10


def test_documents_have_no_url_and_are_readable_by_the_shop_alone(order: Order, folder: Path) -> None:
    deliver_all_due()
    (file,) = files_in(folder)
    with pytest.raises(ValueError, match="no URL"):
        documents.document_storage().url(str(file.relative_to(folder)))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
