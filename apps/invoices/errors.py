"""Why there is no invoice."""

from core.errors import Conflict


class InvoiceNotReady(Conflict):
    """The order is not confirmed yet, or was cancelled before it had an invoice."""

    code = "invoice_not_ready"
    title = "The order has no invoice yet"
