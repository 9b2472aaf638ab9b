"""From a draft back to the rows of the file: parsing them gives the same draft again."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from apps.products.shopify.cells import CATEGORY_SEPARATOR
from apps.products.shopify.columns import OPTION_COLUMNS, Column
from apps.products.shopify.drafts import ImageDraft, ProductDraft, VariantDraft
from apps.products.shopify.formulas import defuse
from apps.products.shopify.options import DEFAULT_NAME, DEFAULT_VALUE
from core.money import format_amount

COLUMNS = tuple(Column)
MAX_OPTIONS = len(OPTION_COLUMNS)
_Cells = dict[Column, str]


def header_cells() -> list[str]:
    """Return the first row of the file."""
    return [column.value for column in COLUMNS]


def draft_cells(draft: ProductDraft, *, currency: str) -> Iterator[list[str]]:
    """Yield the product's rows: the n-th variant and the n-th picture share the n-th row."""
    images = draft.images or ()
    for index, (variant, image) in enumerate(zip_longest(draft.variants, images)):
        row: _Cells = {Column.HANDLE: draft.handle}
        if index == 0:
            row |= _product_cells(draft)
        if variant is not None:
            row |= _variant_cells(variant, currency)
        if image is not None:
            row |= _image_cells(image, place=index + 1)
        yield [defuse(row.get(column, "")) for column in COLUMNS]


def _product_cells(draft: ProductDraft) -> _Cells:
    names = draft.option_names or (DEFAULT_NAME,)
    fields = draft.fields
    status = "archived" if draft.is_archived else "active" if fields["is_active"] else "draft"
    return {
        Column.TITLE: fields["name"],
        Column.BODY: fields["description"],
        Column.VENDOR: fields["vendor"],
        Column.TYPE: f" {CATEGORY_SEPARATOR} ".join(draft.category_path or ()),
        Column.TAGS: ", ".join(draft.tags or ()),
        Column.PUBLISHED: _flag(fields["is_active"]),
        Column.STATUS: status,
        Column.SEO_TITLE: fields["seo_title"],
        Column.SEO_DESCRIPTION: fields["seo_description"],
        Column.FEATURED: _flag(fields["is_featured"]),
        Column.GIFT_CARD: _flag(False),
        **{column: name for (column, _), name in zip(OPTION_COLUMNS, names, strict=False)},
    }


def _variant_cells(variant: VariantDraft, currency: str) -> _Cells:
    values = variant.option_values or (DEFAULT_VALUE,)
    fields = variant.fields
    return {
        **{column: value for (_, column), value in zip(OPTION_COLUMNS, values, strict=False)},
        Column.SKU: fields["sku"] or "",
        Column.GRAMS: str(fields["weight_grams"]),
        Column.INVENTORY_TRACKER: "shopify",
        Column.INVENTORY_QTY: "" if variant.quantity is None else str(variant.quantity),
        Column.INVENTORY_POLICY: "deny",
        Column.FULFILLMENT_SERVICE: "manual",
        **_amounts(fields, currency),
        Column.REQUIRES_SHIPPING: _flag(fields["requires_shipping"]),
        Column.TAXABLE: _flag(fields["is_taxable"]),
        Column.BARCODE: fields["barcode"],
        Column.VARIANT_IMAGE: variant.image_src,
        Column.WEIGHT_UNIT: "g",
        Column.TAX_CODE: fields["tax_category"],
        Column.VARIANT_ACTIVE: _flag(fields["is_active"]),
    }


def _amounts(fields: Mapping[str, Any], currency: str) -> _Cells:
    amounts = {
        Column.PRICE: fields["price"],
        Column.COMPARE_AT_PRICE: fields["compare_at_price"],
        Column.COST: fields["cost_price"],
    }
    return {column: "" if value is None else format_amount(value, currency) for column, value in amounts.items()}


def _image_cells(image: ImageDraft, *, place: int) -> _Cells:
    return {
        Column.IMAGE_SRC: image.src,
        Column.IMAGE_POSITION: str(place),
        Column.IMAGE_ALT_TEXT: image.alt_text or "",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
