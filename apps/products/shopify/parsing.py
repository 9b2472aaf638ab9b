"""From the rows of one product to its draft. Every bad cell is named; a product with one has no draft."""

from collections.abc import Mapping
from typing import Any

from apps.products.shopify import cells
from apps.products.shopify.cells import BadCell, CellReader
from apps.products.shopify.columns import Column, Header
from apps.products.shopify.drafts import ImageDraft, ProductDraft, VariantDraft
from apps.products.shopify.grouping import Group
from apps.products.shopify.options import read_option_names, read_option_values
from apps.products.shopify.rows import RowProblem, SourceRow
from apps.products.texts import sanitise_html

MAX_DESCRIPTION = 200_000
_PRODUCT_ONLY = (
    Column.TITLE, Column.BODY, Column.VENDOR, Column.TYPE, Column.TAGS, Column.PUBLISHED, Column.STATUS,
    Column.OPTION1_NAME, Column.OPTION2_NAME, Column.OPTION3_NAME, Column.GIFT_CARD, Column.SEO_TITLE,
    Column.SEO_DESCRIPTION, Column.FEATURED,
)  # fmt: skip
# A row with one of these filled in is a variant; one with none of them can only bring a picture.
_MARKS_OF_A_VARIANT = (
    Column.OPTION1_VALUE, Column.OPTION2_VALUE, Column.OPTION3_VALUE, Column.SKU, Column.BARCODE, Column.PRICE,
    Column.COMPARE_AT_PRICE, Column.COST, Column.INVENTORY_QTY,
)  # fmt: skip
_PRODUCT_FIELDS: Mapping[Column, tuple[str, CellReader]] = {
    Column.TITLE: ("name", cells.line_text(255, required=True)),
    Column.VENDOR: ("vendor", cells.line_text(255)),
    Column.SEO_TITLE: ("seo_title", cells.line_text(255)),
    Column.SEO_DESCRIPTION: ("seo_description", cells.long_text(5000)),
    Column.FEATURED: ("is_featured", cells.flag(if_blank=False)),
}
_VARIANT_FIELDS: Mapping[Column, tuple[str, CellReader]] = {
    Column.SKU: ("sku", cells.sku),
    Column.GRAMS: ("weight_grams", cells.grams),
    Column.REQUIRES_SHIPPING: ("requires_shipping", cells.flag(if_blank=False)),  # blank is FALSE in Shopify too
    Column.TAXABLE: ("is_taxable", cells.flag(if_blank=False)),
    Column.BARCODE: ("barcode", cells.line_text(64)),
    Column.TAX_CODE: ("tax_category", cells.line_text(64)),
}
_CHECKED_ONLY: Mapping[Column, CellReader] = {
    Column.INVENTORY_POLICY: cells.inventory_policy,
    Column.WEIGHT_UNIT: cells.one_of("", "g", "kg", "lb", "oz"),
    Column.GIFT_CARD: cells.gift_card,
}


class ProductParser:
    """Reads groups of rows under one header, amounts being of one currency."""

    def __init__(self, *, header: Header, currency: str) -> None:
        self._header = header
        self._variant_fields = {
            **_VARIANT_FIELDS,
            Column.PRICE: ("price", cells.amount(currency, required=True)),
            Column.COMPARE_AT_PRICE: ("compare_at_price", cells.amount(currency)),
            Column.COST: ("cost_price", cells.amount(currency)),
        }
        self._problems: list[RowProblem] = []

    def parse(self, group: Group) -> ProductDraft | list[RowProblem]:
        """Return the product's draft, or all that is wrong with its rows in the order of their lines."""
        self._problems = list(group.problems)
        if group.handle and group.rows:
            draft = self._draft(group.rows)
            if not self._problems:
                return draft
        return sorted(self._problems, key=lambda problem: problem.line)

    def _draft(self, rows: list[SourceRow]) -> ProductDraft:
        first, *others = rows
        self._take(first, Column.HANDLE, cells.handle)
        for row in others:
            self._check_repeats(row, first)
        fields = self._fields(first, _PRODUCT_FIELDS)
        if self._header.has(Column.BODY):
            body = self._take(first, Column.BODY, cells.long_text(MAX_DESCRIPTION), strip=False)
            fields["description"] = sanitise_html(body or "")
        is_archived = self._read_status(first, fields)
        has_path, has_tags = self._header.has(Column.TYPE), self._header.has(Column.TAGS)
        option_names, variants = self._read_variants(rows)
        return ProductDraft(
            line=first.line,
            handle=first.handle,
            fields=fields,
            is_archived=is_archived,
            category_path=self._take(first, Column.TYPE, cells.category_path) if has_path else None,
            tags=self._take(first, Column.TAGS, cells.tags) if has_tags else None,
            option_names=option_names,
            variants=variants,
            images=self._read_images(rows, variants),
            has_variant_images=self._header.has(Column.VARIANT_IMAGE),
        )

    def _take(self, row: SourceRow, column: Column, read: CellReader, *, strip: bool = True) -> Any:
        text = row.text(column) if strip else row.cells.get(column, "")
        try:
            return read(text)
        except BadCell as error:
            self._refuse(row, column, str(error))
            return None

    def _refuse(self, row: SourceRow, column: str, reason: str) -> None:
        self._problems.append(RowProblem(row.line, row.handle, column, reason))

    def _fields(self, row: SourceRow, readers: Mapping[Column, tuple[str, CellReader]]) -> dict[str, Any]:
        present = ((column, name, read) for column, (name, read) in readers.items() if self._header.has(column))
        return {name: self._take(row, column, read) for column, name, read in present}

    def _check_repeats(self, row: SourceRow, first: SourceRow) -> None:
        """A further row may repeat what the first one says of the product, but not contradict it."""
        for column in _PRODUCT_ONLY:
            text = row.text(column)
            if text and text.casefold() != first.text(column).casefold():
                self._refuse(row, column, f"differs from line {first.line}, the first of this product")

    def _read_status(self, row: SourceRow, fields: dict[str, Any]) -> bool | None:
        """Set `is_active` if the file speaks of it; return whether the product is archived (None: not said)."""
        has_status = self._header.has(Column.STATUS)
        status = self._take(row, Column.STATUS, cells.one_of("active", "draft", "archived")) if has_status else "active"
        if has_status or self._header.has(Column.PUBLISHED):
            is_published = self._take(row, Column.PUBLISHED, cells.flag(if_blank=True))
            fields["is_active"] = status == "active" and bool(is_published)
        return status == "archived" if has_status else None

    def _read_variants(self, rows: list[SourceRow]) -> tuple[tuple[str, ...] | None, tuple[VariantDraft, ...]]:
        first = rows[0]
        has_images = self._header.has(Column.IMAGE_SRC)
        variant_rows = [row for row in rows if row is first or _is_variant(row)]
        for row in rows[1:]:
            if not _is_variant(row) and not (has_images and row.text(Column.IMAGE_SRC)):
                self._refuse(row, "", "brings neither a variant nor a picture")
        names = read_option_names(first, len(variant_rows), self._header, self._refuse)
        values = read_option_values(variant_rows, names, self._refuse)
        variants = tuple(self._variant(row, row_values) for row, row_values in zip(variant_rows, values, strict=True))
        return names, variants

    def _variant(self, row: SourceRow, option_values: tuple[str, ...]) -> VariantDraft:
        for column, read in _CHECKED_ONLY.items():
            if row.text(column):
                self._take(row, column, read)
        if len(" / ".join(option_values)) > 255:
            self._refuse(row, "", "the option values together are longer than 255 characters")
        return VariantDraft(
            line=row.line,
            option_values=option_values,
            fields={
                **self._fields(row, self._variant_fields),
                "is_active": self._take(row, Column.VARIANT_ACTIVE, cells.flag(if_blank=True)),
            },
            quantity=self._take(row, Column.INVENTORY_QTY, cells.units),
            image_src=self._take(row, Column.VARIANT_IMAGE, cells.picture_url) or "",
        )

    def _read_images(self, rows: list[SourceRow], variants: tuple[VariantDraft, ...]) -> tuple[ImageDraft, ...] | None:
        """Return the pictures in their order, each address once; those only variants name come last."""
        if not self._header.has(Column.IMAGE_SRC):
            return None
        has_alt_text = self._header.has(Column.IMAGE_ALT_TEXT)
        found: dict[str, tuple[int, ImageDraft]] = {}
        for row in rows:
            src = self._take(row, Column.IMAGE_SRC, cells.picture_url)
            place = self._take(row, Column.IMAGE_POSITION, cells.position)
            alt_text = self._take(row, Column.IMAGE_ALT_TEXT, cells.line_text(512)) if has_alt_text else None
            if src and src not in found:
                found[src] = (place or len(found) + 1, ImageDraft(line=row.line, src=src, alt_text=alt_text))
        images = [image for _, image in sorted(found.values(), key=lambda entry: entry[0])]
        for variant in variants:
            if variant.image_src and variant.image_src not in found:
                image = ImageDraft(line=variant.line, src=variant.image_src, alt_text="" if has_alt_text else None)
                found[variant.image_src] = (0, image)
                images.append(image)
        return tuple(images)


def _is_variant(row: SourceRow) -> bool:
    return any(row.text(column) for column in _MARKS_OF_A_VARIANT)
