"""Draws an invoice as PDF. Pure: the same content gives the same bytes at any time."""

import datetime as dt
from collections.abc import Sequence

from apps.invoices.content import InvoiceContent, InvoiceLine
from apps.invoices.rendering.sheet import BLACK, GREY, LINE_HEIGHT, Sheet, Style

LEFT, RIGHT, TOP, BOTTOM = 18.0, 192.0, 16.0, 270.0
WIDTH = RIGHT - LEFT
MIDDLE = LEFT + WIDTH / 2
GAP = 3.0
TITLE, NAME, TEXT, STRONG = Style(20, bold=True), Style(12, bold=True), Style(9.5), Style(9.5, bold=True)
HEAD, NOTE = Style(8.5, bold=True, grey=GREY), Style(8, grey=GREY)
# The right edges of the columns of figures; the item's name has what is left of them.
QUANTITY, UNIT_PRICE, TAX_RATE, AMOUNT = 118.0, 143.0, 160.0, RIGHT
NAME_WIDTH = 84.0
TAX_EDGES = (LEFT + 38, LEFT + 58, LEFT + 80)
PAYMENT_METHODS = {"cod": "Cash on delivery", "stripe": "Card", "sslcommerz": "SSLCommerz", "simulated": "Simulated"}


def render_invoice(content: InvoiceContent) -> bytes:
    """Return the invoice as a PDF of as many A4 pages as it takes."""
    paper = InvoicePaper(content)
    paper.add_page()
    paper.write_parties()
    paper.write_lines()
    paper.write_totals()
    paper.write_terms()
    return paper.complete()


class InvoicePaper(Sheet):
    """The blocks of an invoice, from top to bottom; `cursor` is where the next one begins."""

    def __init__(self, content: InvoiceContent) -> None:
        super().__init__(
            title=f"Invoice {content.number}",
            author=content.issuer[0],
            created_at=dt.datetime.fromisoformat(content.issued_at),
        )
        self.content = content
        self.cursor = TOP
        self.is_listing = False

    def header(self) -> None:
        """Begin a page: in full on the first; on later ones the number, and the column heads if lines go on."""
        if self.page_no() == 1:
            self.cursor = max(self._write_issuer(), self._write_number()) + 2 * GAP
            return
        self.write_line(f"Invoice {self.content.number}", NOTE, x=LEFT, y=TOP)
        self.cursor = TOP + LINE_HEIGHT + GAP
        if self.is_listing:
            self._write_column_heads()

    def footer(self) -> None:
        """End a page with who issued it and its number."""
        y = BOTTOM + GAP
        self.rule(x=LEFT, y=y, width=WIDTH)
        self.write_line(self.wrap(self.content.issuer[0], NOTE, WIDTH / 2)[0], NOTE, x=LEFT, y=y + 1)
        self.write_page_number(NOTE, right=RIGHT, y=y + 1)

    def write_parties(self) -> None:
        """Who pays and where it goes, side by side."""
        width = WIDTH / 2 - GAP
        buyer = [*self.content.buyer, self.content.buyer_email]
        ends = [
            self._write_block("Bill to", buyer, x=LEFT, width=width),
            self._write_block("Ship to", self.content.shipped_to, x=MIDDLE, width=width),
        ]
        self.cursor = max(ends) + 2 * GAP

    def write_lines(self) -> None:
        """The lines on as many pages as they take; none is torn apart."""
        self._write_column_heads()
        self.is_listing = True
        for line in self.content.lines:
            self._write_item(line)
        self.is_listing = False

    def write_totals(self) -> None:
        """How the total comes about on the right, the tax in it by rate on the left."""
        rows = self._total_rows()
        self._make_room(max(len(rows) + 1, len(self.content.taxes) + 1) * LINE_HEIGHT + 2 * GAP)
        self.cursor += GAP
        taxes_end = self._write_taxes(self.cursor)
        for label, amount in rows:
            self._write_total(label, amount, TEXT)
        self.rule(x=MIDDLE + 2 * GAP, y=self.cursor + 0.5, width=RIGHT - MIDDLE - 2 * GAP, grey=BLACK)
        self.cursor += 1
        self._write_total(f"Total {self.content.currency}", self.content.total_amount, NAME)
        self.cursor = max(self.cursor, taxes_end) + 2 * GAP

    def write_terms(self) -> None:
        """How it is paid and sent."""
        method = self.content.payment_method
        terms = [f"Payment: {PAYMENT_METHODS.get(method, method)}"]
        if self.content.shipping_method:
            terms.append(f"Shipping: {self.content.shipping_method}")
        for term in terms:
            self._write_wrapped(term, TEXT, x=LEFT, width=WIDTH)

    def _write_issuer(self) -> float:
        name, *address = self.content.issuer
        self.cursor = TOP
        self._write_wrapped(name, NAME, x=LEFT, width=WIDTH / 2)
        tax_id = [f"Tax ID: {self.content.issuer_tax_id}"] if self.content.issuer_tax_id else []
        for line in [*address, *tax_id]:
            self._write_wrapped(line, NOTE, x=LEFT, width=WIDTH / 2)
        return self.cursor

    def _write_number(self) -> float:
        content, y = self.content, TOP
        self.write_line("INVOICE", TITLE, x=MIDDLE, y=y, width=WIDTH / 2, align="right")
        facts = (
            ("Number", content.number),
            ("Date", content.issued_at[:10]),
            ("Order", content.order_number),
            ("Order date", content.ordered_at[:10]),
        )
        y += 2 * LINE_HEIGHT
        for label, value in facts:
            self.write_line(label, NOTE, x=RIGHT - 64, y=y)
            self.write_line(value, STRONG, x=MIDDLE, y=y, width=WIDTH / 2, align="right")
            y += LINE_HEIGHT
        return y

    def _write_block(self, title: str, lines: Sequence[str], *, x: float, width: float) -> float:
        """Write a heading and wrapped lines below the cursor, which stays; return where they end."""
        y = self.cursor
        if not any(lines):
            return y
        self.write_line(title, HEAD, x=x, y=y)
        y += LINE_HEIGHT
        for text in filter(None, lines):
            y = self.write_text(self.wrap(text, TEXT, width), TEXT, x=x, y=y)
        return y

    def _write_column_heads(self) -> None:
        self.write_line("Item", HEAD, x=LEFT, y=self.cursor)
        heads = {"Quantity": QUANTITY, "Unit price": UNIT_PRICE, "Tax": TAX_RATE}
        for text, edge in {**heads, f"Amount {self.content.currency}": AMOUNT}.items():
            self._write_figure(text, HEAD, edge)
        self.cursor += LINE_HEIGHT + 0.5
        self.rule(x=LEFT, y=self.cursor, width=WIDTH, grey=GREY)
        self.cursor += 1

    def _write_item(self, item: InvoiceLine) -> None:
        names = self.wrap(item.name, TEXT, NAME_WIDTH)
        notes = [note for text in self._notes_on(item) for note in self.wrap(text, NOTE, NAME_WIDTH)]
        self._make_room((len(names) + len(notes)) * LINE_HEIGHT + 1)
        figures = {QUANTITY: str(item.quantity), UNIT_PRICE: item.unit_price, TAX_RATE: item.tax_rate}
        for edge, text in {**figures, AMOUNT: item.total}.items():
            self._write_figure(text, TEXT, edge)
        self.cursor = self.write_text(names, TEXT, x=LEFT, y=self.cursor)
        if notes:
            self.cursor = self.write_text(notes, NOTE, x=LEFT, y=self.cursor)
        self.rule(x=LEFT, y=self.cursor + 0.5, width=WIDTH)
        self.cursor += 1

    def _notes_on(self, item: InvoiceLine) -> list[str]:
        notes = [f"SKU {item.sku}"] if item.sku else []
        if _is_not_zero(item.discount_amount):
            notes.append(f"Discount -{item.discount_amount} {self.content.currency}")
        return notes

    def _total_rows(self) -> list[tuple[str, str]]:
        content = self.content
        rows = [("Subtotal", content.subtotal)]
        if _is_not_zero(content.discount_amount):
            rows.append(("Discount", f"-{content.discount_amount}"))
        rows.append(("Shipping", content.shipping_cost))
        rows.append(("Tax included" if content.prices_include_tax else "Tax", content.tax_amount))
        return rows

    def _write_total(self, label: str, amount: str, style: Style) -> None:
        self.write_line(label, style, x=MIDDLE + 2 * GAP, y=self.cursor)
        self._write_figure(amount, style, AMOUNT)
        self.cursor += LINE_HEIGHT

    def _write_taxes(self, y: float) -> float:
        if not self.content.taxes:
            return y
        rows = [("Tax rate", "Net", "Tax", "Gross")]
        rows += [(row.rate, row.net, row.tax, row.gross) for row in self.content.taxes]
        for index, (rate, *figures) in enumerate(rows):
            style = NOTE if index else HEAD
            self.write_line(rate, style, x=LEFT, y=y)
            for text, edge in zip(figures, TAX_EDGES, strict=True):
                self.write_line(text, style, x=LEFT, y=y, width=edge - LEFT, align="right")
            y += LINE_HEIGHT
        return y

    def _write_figure(self, text: str, style: Style, edge: float) -> None:
        self.write_line(text, style, x=LEFT, y=self.cursor, width=edge - LEFT, align="right")

    def _write_wrapped(self, text: str, style: Style, *, x: float, width: float) -> None:
        lines = self.wrap(text, style, width)
        self._make_room(len(lines) * LINE_HEIGHT)
        self.cursor = self.write_text(lines, style, x=x, y=self.cursor)

    def _make_room(self, height: float) -> None:
        """Go on with a new page if this one has not that much left."""
        if self.cursor + height > BOTTOM:
            self.add_page()


def _is_not_zero(amount: str) -> bool:
    return bool(amount.strip("0."))
