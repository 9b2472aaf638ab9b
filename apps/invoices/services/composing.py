"""Puts into words what an order's invoice says. Writes nothing, asks the database nothing."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.conf import settings

from apps.invoices.content import InvoiceContent, InvoiceLine, TaxRow
from apps.orders.models import Order, OrderItem
from core.money import ZERO, exponent, format_share


def compose_content(*, order: Order, items: Sequence[OrderItem], number: str, issued_at: dt.datetime) -> InvoiceContent:
    """Return the content of an order's invoice. The order and its items are as the database returned them."""
    return InvoiceContent(
        number=number,
        issued_at=_in_utc(issued_at),
        order_number=order.order_number,
        ordered_at=_in_utc(order.created_at),
        currency=order.currency,
        issuer=(settings.INVOICE_ISSUER, settings.INVOICE_ISSUER_ADDRESS),
        issuer_tax_id=settings.INVOICE_ISSUER_TAX_ID,
        buyer=address_lines(order.billing_address),
        buyer_email=order.email,
        shipped_to=address_lines(order.shipping_address),
        shipping_method=order.shipping_method_name,
        payment_method=order.payment_method,
        prices_include_tax=order.prices_include_tax,
        lines=tuple(_line(item) for item in items),
        taxes=tuple(_tax_rows(order, items)),
        subtotal=_text(order.subtotal, order.currency),
        discount_amount=_text(order.discount_amount, order.currency),
        shipping_cost=_text(order.shipping_cost, order.currency),
        tax_amount=_text(order.tax_amount, order.currency),
        total_amount=_text(order.total_amount, order.currency),
    )


def address_lines(address: Mapping[str, str]) -> tuple[str, ...]:
    """Return an address in the contract's shape as the lines of a label, without empty ones."""
    city = ", ".join(filter(None, (address.get("city"), address.get("state"))))
    lines = (
        address.get("full_name"),
        address.get("address_line1"),
        address.get("address_line2"),
        " ".join(filter(None, (city, address.get("postal_code")))),
        address.get("country"),
    )
    return tuple(line for line in lines if line)


def _line(item: OrderItem) -> InvoiceLine:
    return InvoiceLine(
        name=item.name,
        sku=item.sku or "",
        quantity=item.quantity,
        unit_price=_text(item.unit_price, item.currency),
        discount_amount=_text(item.discount_amount, item.currency),
        tax_rate=format_share(item.tax_rate),
        total=_text(item.total, item.currency),
    )


def _tax_rows(order: Order, items: Sequence[OrderItem]) -> list[TaxRow]:
    """Return one row per rate, the highest first; none when nothing is taxed. The gross amounts sum to the total."""
    charges = [(item.tax_rate, item.total - item.discount_amount, item.tax_amount) for item in items]
    charges.append((_shipping_rate(order), order.shipping_cost, order.tax_amount - sum(tax for *_, tax in charges)))
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for rate, charged, tax in charges:
        net, tax_before = sums.get(rate, (ZERO, ZERO))
        sums[rate] = (net + charged - (tax if order.prices_include_tax else ZERO), tax_before + tax)
    rows = [(rate, net, tax) for rate, (net, tax) in sorted(sums.items(), reverse=True) if rate or net]
    return [_tax_row(*row, order.currency) for row in rows] if any(rate for rate, *_ in rows) else []


def _tax_row(rate: Decimal, net: Decimal, tax: Decimal, currency: str) -> TaxRow:
    gross = net + tax
    return TaxRow(
        rate=format_share(rate), net=_text(net, currency), tax=_text(tax, currency), gross=_text(gross, currency)
    )


def _shipping_rate(order: Order) -> Decimal:
    """Return the rate on shipping: an order keeps it in its pricing steps only."""
    for step in order.pricing_steps:
        if step["rule"] == "tax.shipping" and step["applied"]:
            return Decimal(step["rate"])
    return ZERO


def _in_utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _text(amount: Decimal, currency: str) -> str:
    return f"{amount:.{exponent(currency)}f}"
