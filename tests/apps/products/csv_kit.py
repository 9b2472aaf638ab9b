"""Small product files for tests: rows by column name, everything else blank or plain."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from apps.products.shopify.drafts import ProductDraft
from apps.products.shopify.grouping import group_rows, survey
from apps.products.shopify.parsing import ProductParser
from apps.products.shopify.rows import ProductFile, RowProblem
from apps.products.shopify.writing import COLUMNS

FIRST = {
    "Handle": "shirt",
    "Title": "Shirt",
    "Published": "true",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant Price": "10",
    "Variant Inventory Qty": "5",
    "Variant Inventory Policy": "deny",
    "Variant Requires Shipping": "true",
    "Variant Taxable": "true",
}
ALL_COLUMNS = [column.value for column in COLUMNS]
Row = Mapping[str, str]


def first(**cells: str) -> dict[str, str]:
    """A product's first row; keyword `Variant_Price` is the column "Variant Price"."""
    return {**FIRST, **_named(cells)}


def more(handle: str = "shirt", **cells: str) -> dict[str, str]:
    """A further row of a product."""
    return {"Handle": handle, **_named(cells)}


def file_text(rows: Iterable[Row], *, columns: list[str] | None = None) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns or ALL_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_file(path: Path, rows: Iterable[Row], *, columns: list[str] | None = None) -> Path:
    path.write_bytes(file_text(rows, columns=columns).encode())
    return path


def parse_text(text: str, *, currency: str = "USD") -> tuple[list[ProductDraft], list[RowProblem]]:
    """Return the drafts and the problems of a file."""
    overview = survey(ProductFile(io.StringIO(text, newline="")))
    file = ProductFile(io.StringIO(text, newline=""))
    parser = ProductParser(header=file.header, currency=currency)
    drafts: list[ProductDraft] = []
    problems: list[RowProblem] = []
    for group in group_rows(file, scattered=overview.scattered):
        parsed = parser.parse(group)
        if isinstance(parsed, ProductDraft):
            drafts.append(parsed)
        else:
            problems.extend(parsed)
    return drafts, problems


def parse_rows(*rows: Row, **how: Any) -> tuple[list[ProductDraft], list[RowProblem]]:
    return parse_text(file_text(rows, columns=how.pop("columns", None)), **how)


def _named(cells: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", " ").replace("Body", "Body (HTML)"): text for name, text in cells.items()}
