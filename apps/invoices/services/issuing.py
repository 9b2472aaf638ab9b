"""Issues invoices: one for each order, numbered without gaps."""

import datetime as dt

from apps.invoices.errors import InvoiceNotReady
from apps.invoices.events import InvoiceIssued
from apps.invoices.locks import take_number
from apps.invoices.models import Invoice
from apps.invoices.services.composing import compose_content
from apps.orders.locks import lock_order
from apps.orders.models import Order, OrderItem
from apps.orders.states import OrderStatus
from core.events.publishing import publish
from core.transactions import atomic


def issue_invoice(*, order: Order, now: dt.datetime) -> Invoice:
    """The order has an invoice, with the next number of this year's series and its content frozen. Returns it.

    InvoiceIssued says so. Called again it returns the first one. Locks the order, then the series ("INV-2026"), which
    others wait for until this transaction ends. Raises InvoiceNotReady when the order is not confirmed, or was
    cancelled without an invoice.
    """
    with atomic():
        locked = lock_order(order.pk)
        issued = Invoice.objects.filter(order=locked).first()
        if issued is not None:
            return issued
        require_ready(locked)
        items = list(OrderItem.objects.filter(order=locked).order_by("position", "id"))
        return _issue(locked, items, now)


def require_ready(order: Order) -> None:
    """Raises InvoiceNotReady when an order without an invoice cannot have one: see issue_invoice()."""
    if order.status == OrderStatus.CANCELLED:
        raise InvoiceNotReady(f"Order {order.order_number} was cancelled; it has no invoice.")
    if order.confirmed_at is None:
        raise InvoiceNotReady(f"Order {order.order_number} has its invoice when it is confirmed.")


def _issue(order: Order, items: list[OrderItem], now: dt.datetime) -> Invoice:
    series = f"INV-{now.year}"
    invoice = Invoice(order=order, series=series, number=take_number(series=series), issued_at=now)
    content = compose_content(order=order, items=items, number=invoice.full_number, issued_at=now)
    invoice.content = content.as_data()
    invoice.save(force_insert=True)
    publish(InvoiceIssued(order_id=str(order.pk), invoice_number=invoice.full_number))
    return invoice
