"""How invoices answer what happens to orders, and who asks for them."""

import uuid

from apps.invoices.errors import InvoiceNotReady
from apps.invoices.events import InvoiceIssued, InvoiceRequested
from apps.invoices.models import Invoice
from apps.invoices.services.documents import store_document
from apps.invoices.services.issuing import issue_invoice
from apps.orders.events import OrderConfirmed
from apps.orders.models import Order
from core import clock
from core.events.registry import Envelope, handles


@handles(OrderConfirmed, name="invoices.issue_invoice")
def issue_invoice_of_confirmed_order(event: OrderConfirmed, envelope: Envelope) -> None:
    """Issue the invoice now, so that numbers follow the confirmations. An order cancelled since needs none."""
    _issue(event.order_id)


@handles(InvoiceIssued, name="invoices.store_document", queue="documents")
def store_document_of_issued_invoice(event: InvoiceIssued, envelope: Envelope) -> None:
    """Draw and store the PDF: slow work, which comes after the mails of the orders that came before it."""
    store_document(invoice=Invoice.objects.get(order=uuid.UUID(event.order_id)), now=clock.now())


@handles(InvoiceRequested, name="invoices.make_document", queue="documents")
def make_document_that_was_asked_for(event: InvoiceRequested, envelope: Envelope) -> None:
    """Make up for what is missing: the invoice, its PDF, or a file that was lost."""
    if invoice := _issue(event.order_id):
        store_document(invoice=invoice, now=clock.now())


def _issue(order_id: str) -> Invoice | None:
    order = Order.objects.get(pk=uuid.UUID(order_id))
    try:
        return issue_invoice(order=order, now=clock.now())
    except InvoiceNotReady:
        return None
