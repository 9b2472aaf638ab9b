"""Options of a product: their names stand in its first row, one value of each in every row of a variant.

A product without options is written as one option "Title" with the value "Default Title"; here it has none.
"""

from collections.abc import Callable, Sequence

from apps.products.shopify.cells import BadCell, line_text
from apps.products.shopify.columns import OPTION_COLUMNS, Column, Header
from apps.products.shopify.rows import SourceRow

DEFAULT_NAME = "Title"
DEFAULT_VALUE = "Default Title"
MAX_LENGTH = 100
_NO_VALUES = (["", "", ""], [DEFAULT_VALUE, "", ""])
Refuse = Callable[[SourceRow, str, str], None]
_read = line_text(MAX_LENGTH)


def read_option_names(first: SourceRow, variant_count: int, header: Header, refuse: Refuse) -> tuple[str, ...] | None:
    """Return the names in order; none for a product without options, None when the file has no option columns."""
    if not header.has(*(name for name, _ in OPTION_COLUMNS)):
        return None
    cells = [first.text(name) for name, _ in OPTION_COLUMNS]
    names = [text for text in cells if text]
    if _is_default(first, names, variant_count):
        return ()
    for (column, _), text in zip(OPTION_COLUMNS, cells, strict=True):
        _check(first, column, text, refuse)
    if cells[: len(names)] != names:
        refuse(first, OPTION_COLUMNS[cells.index("")][0], "is missing while a later option has a name")
    if len({name.casefold() for name in names}) < len(names):
        refuse(first, "", "two options have the same name")
    return tuple(names)


def read_option_values(
    rows: Sequence[SourceRow], names: tuple[str, ...] | None, refuse: Refuse
) -> list[tuple[str, ...]]:
    """Return the values of each variant; refuse missing, superfluous and repeated ones."""
    found: list[tuple[str, ...]] = []
    lines: dict[tuple[str, ...], int] = {}
    for row in rows:
        as_written = tuple(row.text(value) for _, value in OPTION_COLUMNS)
        if as_written in lines:
            shown = " / ".join(filter(None, as_written)) or "none"
            refuse(row, "", f"has the same options as line {lines[as_written]}: {shown}")
        lines.setdefault(as_written, row.line)
        found.append(_values(row, names, refuse))
    return found


def _values(row: SourceRow, names: tuple[str, ...] | None, refuse: Refuse) -> tuple[str, ...]:
    texts = [row.text(value) for _, value in OPTION_COLUMNS]
    if not names and texts in _NO_VALUES:
        return ()
    if names is None:
        return tuple(text for text in texts if text)
    for index, (_, column) in enumerate(OPTION_COLUMNS):
        _check(row, column, texts[index], refuse)
        if index < len(names) and not texts[index]:
            refuse(row, column, f"is missing: every variant needs a value of {names[index]!r}")
        if index >= len(names) and texts[index]:
            refuse(row, column, "has a value, but the product's first row does not name this option")
    return tuple(texts[: len(names)])


def _is_default(first: SourceRow, names: list[str], variant_count: int) -> bool:
    """Return whether the product has no options: no name and no value, or the stand-ins for them."""
    values = [first.text(value) for _, value in OPTION_COLUMNS]
    no_names = not names or (names == [DEFAULT_NAME] and bool(first.text(Column.OPTION1_NAME)))
    return no_names and variant_count == 1 and values in _NO_VALUES


def _check(row: SourceRow, column: Column, text: str, refuse: Refuse) -> None:
    try:
        _read(text)
    except BadCell as error:
        refuse(row, column, str(error))
