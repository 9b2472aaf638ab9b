"""News about invoices. Ids are text."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class InvoiceEvent(Event):
    """Base: whose invoice it is about."""

    order_id: str

    @property
    def aggregate_id(self) -> str:
        return self.order_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class InvoiceIssued(InvoiceEvent):
    """An order has its invoice, with its number; the document follows."""

    name: ClassVar[str] = "invoices.issued"

    invoice_number: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class InvoiceRequested(InvoiceEvent):
    """Somebody asked for the invoice of a confirmed order, and its document is not there."""

    name: ClassVar[str] = "invoices.requested"
