"""From lines of text to rows of known cells, each with the line it begins on; what is unreadable is told, not lost."""

import csv
import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from apps.products.shopify.columns import Column, FileRefused, Header, read_header
from apps.products.shopify.formulas import restore

MAX_CELL_LENGTH = 1_000_000
_CODES = (Column.SKU, Column.BARCODE)


@dataclasses.dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be used. `line` is the physical line of the file on which the row begins (the header is 1)."""

    line: int
    handle: str
    column: str
    reason: str

    def __str__(self) -> str:
        place = f"[{self.handle}] " if self.handle else ""
        return f"{place}{self.column}: {self.reason}" if self.column else f"{place}{self.reason}"


@dataclasses.dataclass(frozen=True, slots=True)
class SourceRow:
    """One row. `cells` holds every known column of the file, unstripped, with the export's apostrophes taken off."""

    line: int
    cells: Mapping[Column, str]

    @property
    def handle(self) -> str:
        return self.text(Column.HANDLE)

    def text(self, column: Column) -> str:
        """Return the stripped cell; empty when the file has no such column."""
        return self.cells.get(column, "").strip()


class ProductFile:
    """The rows of one file, header read. Lines must keep their ends (`newline=""`), undecodable bytes come as
    surrogates (`errors="surrogateescape"`). Raises FileRefused when there is no usable header.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        csv.field_size_limit(MAX_CELL_LENGTH)
        self._lines = _Remembering(lines)
        self._reader = csv.reader(self._lines, strict=True)
        self.header = self._read_header()

    def __iter__(self) -> Iterator[SourceRow | RowProblem]:
        """Yield the rows in order; a row that cannot be read comes as a problem (with its handle, if visible)."""
        while True:
            line = self._reader.line_num + 1
            self._lines.begin_row()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RowProblem(line, self._lines.guess_first_cell(), "", _explain(error))
                continue
            if any(cell.strip() for cell in cells):
                yield self._row(line, cells)

    def _read_header(self) -> Header:
        try:
            cells = next(self._reader, [])
        except csv.Error as error:
            raise FileRefused(f"The first row: {_explain(error)}") from error
        if _has_foreign_bytes(cells):
            raise FileRefused("The file is not UTF-8 text.")
        return read_header(cells)

    def _row(self, line: int, cells: list[str]) -> SourceRow | RowProblem:
        columns = self.header.columns
        pairs = zip(columns, cells, strict=False)
        known = {column: restore(cell, is_code=column in _CODES) for column, cell in pairs if column}
        row = SourceRow(line=line, cells=known)
        if _has_foreign_bytes(cells):
            return RowProblem(line, _printable(row.handle), "", "is not UTF-8 text")
        if any("\0" in cell for cell in cells):
            return RowProblem(line, _printable(row.handle), "", "contains a NUL character")
        if any(cell.strip() for cell in cells[len(columns) :]):
            return RowProblem(line, row.handle, "", f"has {len(cells)} cells, the first row has {len(columns)}")
        return row


class _Remembering:
    """Hands lines through and keeps the first one of the row being read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._first: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if self._first is None:
            self._first = line
        return line

    def begin_row(self) -> None:
        self._first = None

    def guess_first_cell(self) -> str:
        """Return the text before the first comma of the row: its handle, in all likelihood."""
        return _printable((self._first or "").partition(",")[0].strip().strip('"')[:255])


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "field larger than field limit" in text:
        return f"a cell has more than {MAX_CELL_LENGTH:,} characters: is a closing quotation mark missing?"
    if "unexpected end of data" in text:
        return "the file ends inside a quoted cell: a closing quotation mark is missing"
    return "a quotation mark stands where none may: write it twice inside a quoted cell"


def _has_foreign_bytes(cells: list[str]) -> bool:
    return any(not cell.isascii() and any("\ud800" <= sign <= "\udfff" for sign in cell) for cell in cells)


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("ascii", "backslashreplace").decode()
