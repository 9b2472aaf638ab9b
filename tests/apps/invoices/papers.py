"""Contents of invoices, and ways to read a PDF."""

import io
from typing import Any

from pypdf import PdfReader

from apps.invoices.content import InvoiceContent, InvoiceLine, TaxRow


def content(**fields: Any) -> InvoiceContent:
    """Return an invoice over two lines in USD."""
    values: dict[str, Any] = {
        "number": "INV-2026-000042",
        "issued_at": "2026-11-20T12:30:00+00:00",
        "order_number": "R7-KX2M-9QWT",
        "ordered_at": "2026-11-19T08:00:00+00:00",
        "currency": "USD",
        "issuer": ("Demo Shop", "1 Market Street, Springfield"),
        "issuer_tax_id": "US-99-1234567",
        "buyer": ("Ada Lovelace", "1 Analytical Way", "Austin, TX 78701", "US"),
        "buyer_email": "ada@example.com",
        "shipped_to": ("Charles Babbage", "Dorset Street 1", "London W1U", "GB"),
        "shipping_method": "Standard",
        "payment_method": "cod",
        "prices_include_tax": False,
        "lines": (line("Shirt - Small", quantity=2, total="39.98"), line("Cap", sku="", total="19.99")),
        "taxes": (TaxRow(rate="8.25 %", net="64.87", tax="5.35", gross="70.22"),),
        "subtotal": "59.97",
        "discount_amount": "0.00",
        "shipping_cost": "4.90",
        "tax_amount": "5.35",
        "total_amount": "70.22",
    }
    return InvoiceContent(**{**values, **fields})


def line(name: str, **fields: Any) -> InvoiceLine:
    values: dict[str, Any] = {
        "sku": "SHIRT-S",
        "quantity": 1,
        "unit_price": "19.99",
        "discount_amount": "0.00",
        "tax_rate": "8.25 %",
        "total": "19.99",
    }
    return InvoiceLine(name=name, **{**values, **fields})


def pages_of(document: bytes) -> list[str]:
    """Return the text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]
