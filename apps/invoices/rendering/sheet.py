"""A4 paper that writes every script: measures, wraps and places text. Lengths are millimetres, sizes points."""

import dataclasses
import datetime as dt
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal

from fpdf import FPDF
from fpdf.fonts import TTFFont

from apps.invoices.rendering.fonts import BASE, BOLD_FILE, REGULAR_FILES
from apps.invoices.rendering.runs import Run, clean, in_direction_of, is_right_to_left, runs_of

Align = Literal["left", "right"]
LINE_HEIGHT = 5.0
BLACK, GREY, LIGHT = 0, 110, 210
# fpdf2 puts the number of pages wherever this stands. The signs are private: clean() lets no text hold them.
PAGE_COUNT = "\ue000\ue001"
VIRAMA = "\u09cd"


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """How text looks. Bold exists in the base family only."""

    size: float
    bold: bool = False
    grey: int = BLACK


class Sheet(FPDF):
    """Pages of one document. A font is embedded when a text first needs it."""

    def __init__(self, *, title: str, author: str, created_at: dt.datetime) -> None:
        super().__init__(format="A4", unit="mm")
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.c_margin = 0
        self.alias_nb_pages(PAGE_COUNT)
        self.set_title(clean(title))
        self.set_author(clean(author))
        self.set_creation_date(created_at)

    def complete(self) -> bytes:
        """Return the document; nothing can be written after this."""
        try:
            return bytes(self.output())
        finally:
            self.close_fonts()

    def close_fonts(self) -> None:
        """Close the font files: they are read as they are needed, and would stay open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    def wrap(self, text: str, style: Style, width: float) -> list[str]:
        """Return the text as lines no wider than `width`; a word that is wider is broken between signs."""
        space = self.measure(" ", style)
        lines, current, taken = [], "", -space
        for word in clean(text).split(" "):
            needed = self.measure(word, style)
            if taken + space + needed <= width:
                current, taken = f"{current} {word}".lstrip(" "), taken + space + needed
                continue
            whole = [current] if current else []
            *full, current = [*whole, *self._break_word(word, style, width)]
            lines.extend(full)
            taken = self.measure(current, style)
        return in_direction_of(text, [*lines, current])

    def measure(self, line: str, style: Style) -> float:
        """Return the width of one line that wrap() made."""
        return sum(self._measure_run(run, style) for run in runs_of(line))

    def write_line(
        self,
        line: str,
        style: Style,
        *,
        x: float,
        y: float,
        width: float = 0,
        align: Align = "left",
    ) -> None:
        """Write one line that wrap() made, LINE_HEIGHT high, into the box at (x, y). It is not cut."""
        self.set_text_color(style.grey)
        placed = [(run, self._measure_run(run, style)) for run in runs_of(line)]
        left = x + width - sum(taken for _, taken in placed) if align == "right" else x
        for run, taken in placed:
            self._choose_font(run, style)
            self.set_xy(left, y)
            self.cell(w=taken, h=LINE_HEIGHT, text=run.text)
            left += taken

    def write_text(self, lines: Sequence[str], style: Style, *, x: float, y: float) -> float:
        """Write the lines of one text below each other and return where they end.

        Right-to-left lines begin at a common right edge, that of the widest.
        """
        widest = max(self.measure(line, style) for line in lines)
        for line in lines:
            align: Align = "right" if is_right_to_left(line) else "left"
            self.write_line(line, style, x=x, y=y, width=widest, align=align)
            y += LINE_HEIGHT
        return y

    def write_page_number(self, style: Style, *, right: float, y: float) -> None:
        """Write "Page 2 of 3" up to the right edge; the last number is filled in when the document is complete."""
        before = f"Page {self.page_no()} of "
        x = right - self.measure(f"{before}0", style)
        self.write_line(before, style, x=x, y=y)
        self.set_xy(x + self.measure(before, style), y)
        self.cell(w=10, h=LINE_HEIGHT, text=PAGE_COUNT)

    def rule(self, *, x: float, y: float, width: float, grey: int = LIGHT) -> None:
        """Draw a thin horizontal line."""
        self.set_draw_color(grey)
        self.set_line_width(0.2)
        self.line(x, y, x + width, y)

    def _measure_run(self, run: Run, style: Style) -> float:
        self._choose_font(run, style)
        return float(self.get_string_width(run.text, normalized=True))

    def _choose_font(self, run: Run, style: Style) -> None:
        emphasis = "B" if style.bold and run.family == BASE else ""
        if run.family + emphasis not in self.fonts:
            self.add_font(run.family, emphasis, BOLD_FILE if emphasis else REGULAR_FILES[run.family])
        self.set_font(run.family, emphasis, style.size)
        self.set_text_shaping(run.needs_shaping, direction="rtl" if run.is_right_to_left else "ltr")

    def _break_word(self, word: str, style: Style, width: float) -> Iterator[str]:
        part = ""
        for cluster in _clusters(word):
            if part and self.measure(part + cluster, style) > width:
                yield part
                part = ""
            part += cluster
        yield part


def _clusters(word: str) -> Iterator[str]:
    """Yield what must stay together: a sign with its marks, and the consonants that a Bengali virama joins."""
    cluster = ""
    for sign in word:
        is_joined = unicodedata.category(sign) in {"Mn", "Mc", "Me", "Cf"} or cluster.endswith((VIRAMA, "\u200d"))
        if cluster and not is_joined:
            yield cluster
            cluster = ""
        cluster += sign
    yield cluster
