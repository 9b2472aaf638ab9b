"""Whose SKU is it? One belongs to one variant in the whole shop, so a file is checked before the database refuses."""

from collections.abc import Iterable

from apps.products.models import ProductVariant
from apps.products.shopify.columns import Column
from apps.products.shopify.drafts import ProductDraft
from apps.products.shopify.rows import RowProblem


class SkuBook:
    """Which product has which SKU, as far as the drafts at hand are concerned."""

    def __init__(self) -> None:
        self._in_shop: dict[str, str] = {}
        self._in_file: dict[str, str] = {}

    def open_batch(self, drafts: Iterable[ProductDraft]) -> None:
        """Look up the owners of all SKUs these drafts name. One statement."""
        wanted = [sku for draft in drafts for sku in _skus(draft)]
        rows = ProductVariant.objects.filter(sku__in=wanted).order_by().values_list("sku", "product__slug")
        self._in_shop = {sku: handle for sku, handle in rows if sku}

    def clashes(self, draft: ProductDraft) -> list[RowProblem]:
        """Return a problem for each SKU that another product has, or that the draft uses twice."""
        problems = []
        lines: dict[str, int] = {}
        for variant in draft.variants:
            sku: str = variant.fields.get("sku") or ""
            owner = self._in_file.get(sku) or self._in_shop.get(sku) or draft.handle
            if sku and owner != draft.handle:
                reason = f"{sku!r} belongs to the product {owner!r}"
                problems.append(RowProblem(variant.line, draft.handle, Column.SKU, reason))
            elif sku in lines:
                reason = f"{sku!r} stands in line {lines[sku]} too"
                problems.append(RowProblem(variant.line, draft.handle, Column.SKU, reason))
            if sku:
                lines.setdefault(sku, variant.line)
        return problems

    def note(self, handle: str, skus: Iterable[str | None]) -> None:
        """Remember that these are now all the SKUs the product has."""
        present = {sku for sku in skus if sku}
        self._in_shop = {sku: owner for sku, owner in self._in_shop.items() if owner != handle or sku in present}
        self._in_file.update(dict.fromkeys(present, handle))


def _skus(draft: ProductDraft) -> list[str]:
    return [sku for variant in draft.variants if (sku := variant.fields.get("sku"))]
