"""The PDF of an invoice: drawn and stored outside of every lock, read back, asked for when it is not there.

A file is named after its invoice and its bytes. Whoever stores it twice writes the same file twice.
"""

import datetime as dt
import hashlib
import uuid

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db.models import Q

from apps.invoices.content import InvoiceContent
from apps.invoices.events import InvoiceRequested
from apps.invoices.models import Invoice, InvoiceDocument
from apps.invoices.rendering.pdf import render_invoice
from core.events.publishing import publish
from core.storages.errors import StorageUnavailable
from core.transactions import atomic

FOLDER = "invoices"
ASK_AGAIN_AFTER = dt.timedelta(minutes=1)
NOTHING_STORED = {"name": "", "sha256": "", "stored_at": None}


def document_storage() -> Storage:
    """Return the storage of documents, private in every case."""
    return storages["documents"]


def store_document(*, invoice: Invoice, now: dt.datetime) -> None:
    """The invoice's PDF is stored and its row says where. Nothing is done when the row says so already.

    Raises OSError (also StorageUnavailable) when the storage fails; the row is then as it was.
    """
    if InvoiceDocument.objects.filter(order=invoice.order_id).exclude(name="").exists():
        return
    data = render_invoice(InvoiceContent.from_data(invoice.content))
    digest = hashlib.sha256(data).hexdigest()
    name = document_storage().save(f"{FOLDER}/{invoice.series}/{invoice.full_number}-{digest}.pdf", ContentFile(data))
    InvoiceDocument.objects.update_or_create(
        order_id=invoice.order_id, defaults={"name": name, "sha256": digest, "stored_at": now, "requested_at": None}
    )


def read_document(document: InvoiceDocument) -> bytes | None:
    """Return the stored PDF, or None when there is none, or its file is lost or damaged.

    Raises StorageUnavailable when the storage does not answer.
    """
    if not document.name:
        return None
    try:
        with document_storage().open(document.name) as file:
            data = bytes(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageUnavailable from error
    return data if hashlib.sha256(data).hexdigest() == document.sha256 else None


def document_or_copy(*, invoice: Invoice) -> bytes:
    """Return the stored PDF, or one drawn anew while there is none or the storage does not answer. For operators."""
    document = InvoiceDocument.objects.filter(order=invoice.order_id).first()
    try:
        stored = read_document(document) if document else None
    except StorageUnavailable:
        stored = None
    return stored or render_invoice(InvoiceContent.from_data(invoice.content))


def request_document(*, order_id: uuid.UUID, document: InvoiceDocument | None, now: dt.datetime) -> None:
    """The PDF that is not there will be: InvoiceRequested is published, once a minute however often it is asked for.

    `document` is the row as it was read; if it names a file, that is noted to be lost.
    """
    with atomic():
        if _note_request(order_id, document, now):
            publish(InvoiceRequested(order_id=str(order_id)))


def _note_request(order_id: uuid.UUID, document: InvoiceDocument | None, now: dt.datetime) -> bool:
    """Return whether this request is the first for a minute, or the first to find the file lost."""
    if document is None:
        return InvoiceDocument.objects.get_or_create(order_id=order_id, defaults={"requested_at": now})[1]
    row = InvoiceDocument.objects.filter(order=order_id, name=document.name)
    if document.name:
        return row.update(**NOTHING_STORED, requested_at=now) > 0
    long_ago = Q(requested_at=None) | Q(requested_at__lte=now - ASK_AGAIN_AFTER)
    return row.filter(long_ago).update(requested_at=now) > 0
