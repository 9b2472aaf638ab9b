"""The columns of the file, under both generations of names that Shopify has given them."""

import dataclasses
from collections.abc import Sequence
from enum import StrEnum


class Column(StrEnum):
    """A column we understand; the value is the name it is written under. The last two are ours."""

    HANDLE = "Handle"
    TITLE = "Title"
    BODY = "Body (HTML)"
    VENDOR = "Vendor"
    TYPE = "Type"
    TAGS = "Tags"
    PUBLISHED = "Published"
    OPTION1_NAME = "Option1 Name"
    OPTION1_VALUE = "Option1 Value"
    OPTION2_NAME = "Option2 Name"
    OPTION2_VALUE = "Option2 Value"
    OPTION3_NAME = "Option3 Name"
    OPTION3_VALUE = "Option3 Value"
    SKU = "Variant SKU"
    GRAMS = "Variant Grams"
    INVENTORY_TRACKER = "Variant Inventory Tracker"
    INVENTORY_QTY = "Variant Inventory Qty"
    INVENTORY_POLICY = "Variant Inventory Policy"
    FULFILLMENT_SERVICE = "Variant Fulfillment Service"
    PRICE = "Variant Price"
    COMPARE_AT_PRICE = "Variant Compare At Price"
    REQUIRES_SHIPPING = "Variant Requires Shipping"
    TAXABLE = "Variant Taxable"
    BARCODE = "Variant Barcode"
    IMAGE_SRC = "Image Src"
    IMAGE_POSITION = "Image Position"
    IMAGE_ALT_TEXT = "Image Alt Text"
    GIFT_CARD = "Gift Card"
    SEO_TITLE = "SEO Title"
    SEO_DESCRIPTION = "SEO Description"
    VARIANT_IMAGE = "Variant Image"
    WEIGHT_UNIT = "Variant Weight Unit"
    TAX_CODE = "Variant Tax Code"
    COST = "Cost per item"
    STATUS = "Status"
    FEATURED = "Featured"
    VARIANT_ACTIVE = "Variant Active"


OPTION_COLUMNS = (
    (Column.OPTION1_NAME, Column.OPTION1_VALUE),
    (Column.OPTION2_NAME, Column.OPTION2_VALUE),
    (Column.OPTION3_NAME, Column.OPTION3_VALUE),
)

# Names of Shopify's newer files. Names are compared without regard to case.
_NEWER_NAMES = {
    "URL handle": Column.HANDLE,
    "Description": Column.BODY,
    "Published on online store": Column.PUBLISHED,
    "SKU": Column.SKU,
    "Barcode": Column.BARCODE,
    "Price": Column.PRICE,
    "Compare-at price": Column.COMPARE_AT_PRICE,
    "Charge tax": Column.TAXABLE,
    "Tax code": Column.TAX_CODE,
    "Inventory tracker": Column.INVENTORY_TRACKER,
    "Inventory quantity": Column.INVENTORY_QTY,
    "Continue selling when out of stock": Column.INVENTORY_POLICY,
    "Weight value (grams)": Column.GRAMS,
    "Weight unit for display": Column.WEIGHT_UNIT,
    "Requires shipping": Column.REQUIRES_SHIPPING,
    "Fulfillment service": Column.FULFILLMENT_SERVICE,
    "Product image URL": Column.IMAGE_SRC,
    "Variant image URL": Column.VARIANT_IMAGE,
}
_BY_NAME = {name.casefold(): column for name, column in _NEWER_NAMES.items()} | {
    column.value.casefold(): column for column in Column
}


class FileRefused(Exception):
    """The file as a whole cannot be read as a product CSV; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """The file's first row: which column each cell of a row belongs to (None: one we do not keep)."""

    columns: tuple[Column | None, ...]
    ignored: tuple[str, ...]

    def has(self, *columns: Column) -> bool:
        """Return whether the file has at least one of the columns."""
        return any(column in self.columns for column in columns)


def read_header(cells: Sequence[str]) -> Header:
    """Return the columns of the file. Raises FileRefused when there is no handle, or a column stands there twice."""
    names = [cell.strip() for cell in cells]
    columns = tuple(_BY_NAME.get(name.casefold()) for name in names)
    if Column.HANDLE not in columns:
        is_one_cell = len(cells) == 1 and any(sign in cells[0] for sign in ";\t|")
        hint = " Are the cells separated by commas?" if is_one_cell else ""
        raise FileRefused(f'The first row has no column "{Column.HANDLE}".{hint}')
    known = [column for column in columns if column]
    twice = next((column for column in known if known.count(column) > 1), None)
    if twice:
        raise FileRefused(f'The column "{twice}" stands there twice.')
    ignored = tuple(name for name, column in zip(names, columns, strict=True) if name and column is None)
    return Header(columns=columns, ignored=ignored)
