"""Reads of invoices."""

import uuid

from apps.invoices.models import Invoice, InvoiceDocument
from apps.orders.errors import OrderNotFound
from apps.orders.models import Order
from apps.orders.selectors import OrderPrincipal, owned_orders


def access_invoice(
    *, principal: OrderPrincipal, order_id: uuid.UUID
) -> tuple[Order, Invoice | None, InvoiceDocument | None]:
    """Return the order, if it is the principal's or they are an admin, and its invoice and document if it has them.

    One statement.

    Raises OrderNotFound.
    """
    order = owned_orders(principal=principal).select_related("invoice", "invoice_document").filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return order, getattr(order, "invoice", None), getattr(order, "invoice_document", None)
