"""What it takes to make a stored product say what a draft says. Reads model instances, touches no database.

The plan for a product that already says so is empty: that is why importing a file twice changes nothing.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.services.importing_images import ImagePlan, plan_images
from apps.products.services.tags import tag_slug
from apps.products.shopify.columns import Column
from apps.products.shopify.drafts import ProductDraft, VariantDraft
from apps.products.shopify.rows import RowProblem


class PlanRefused(Exception):
    """The draft does not fit the product as it is stored."""

    def __init__(self, *problems: RowProblem) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problems")


@dataclasses.dataclass(slots=True)
class StoredProduct:
    """A product with all that an import may change. For one still to be made everything but `product` is empty.

    `variants` and `images` are in order; `tags` maps slug → name.
    """

    product: Product
    variants: list[ProductVariant] = dataclasses.field(default_factory=list)
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    images: list[ProductImage] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class VariantPlan:
    """A variant, the fields to write, and the draft that asks for them (None: the file no longer lists it)."""

    variant: ProductVariant
    changes: dict[str, Any]
    draft: VariantDraft | None

    def value(self, field: str) -> Any:
        """Return what the field will hold."""
        return self.changes.get(field, getattr(self.variant, field))


@dataclasses.dataclass(slots=True)
class Plan:
    """All changes to one product. `variants` are all of them; `tags` is None when they stay."""

    stored: StoredProduct
    changes: dict[str, Any]
    variants: list[VariantPlan]
    tags: tuple[str, ...] | None
    images: ImagePlan

    @property
    def is_empty(self) -> bool:
        return not (self.changes or self.tags is not None or self.images or any(p.changes for p in self.variants))

    @property
    def withdrawn(self) -> int:
        """How many variants go off sale because the file does not list them."""
        return sum(1 for entry in self.variants if entry.draft is None and entry.changes.get("is_active") is False)

    def quantities(self) -> dict[uuid.UUID, int]:
        """Return the units the file wants to be available, by variant id, where it says."""
        drafts = ((entry.variant.pk, entry.draft) for entry in self.variants)
        return {pk: draft.quantity for pk, draft in drafts if draft is not None and draft.quantity is not None}


def make_plan(draft: ProductDraft, stored: StoredProduct, *, category_id: uuid.UUID | None, now: dt.datetime) -> Plan:
    """Return what to change. `category_id` is that of the draft's path. Raises PlanRefused."""
    product = stored.product
    variants = _plan_variants(draft, stored)
    wanted: dict[str, Any] = dict(draft.fields)
    if draft.option_names is not None:
        wanted["option_names"] = list(draft.option_names)
    if draft.category_path is not None:
        wanted["category_id"] = category_id
    default = _default_variant(variants)
    wanted |= {field: default.value(field) for field in ("price", "compare_at_price", "sku")}
    _settle_archive(wanted, draft, product, now)
    return Plan(
        stored=stored,
        changes=_differences(product, wanted),
        variants=variants,
        tags=_changed_tags(draft, stored),
        images=plan_images(draft, product, stored.images, [(p.draft, p.variant) for p in variants]),
    )


def _plan_variants(draft: ProductDraft, stored: StoredProduct) -> list[VariantPlan]:
    pairs = _match(draft, stored.variants)
    _refuse_incomplete(draft, stored.product, pairs)
    plans = []
    for place, (wanted, known) in enumerate(pairs):
        values = dict(wanted.fields)
        if draft.option_names is not None or known is None:
            values |= {"option_values": list(wanted.option_values), "name": wanted.name, "position": place}
        if known and known.option_values == values.get("option_values"):
            del values["name"]  # the shop may call it otherwise
        variant = known or ProductVariant(product=stored.product, currency=stored.product.currency)
        changes = _differences(variant, values) if known else values
        plans.append(VariantPlan(variant=variant, changes=changes, draft=wanted))
    return plans + _plan_unlisted(draft, stored.variants, plans)


def _match(draft: ProductDraft, variants: Sequence[ProductVariant]) -> list[tuple[VariantDraft, ProductVariant | None]]:
    """Pair each drafted variant with the stored one it means: same options, else same SKU, else the only candidate."""
    free = {variant.pk: variant for variant in variants}
    found: dict[int, ProductVariant] = {}

    def claim(index: int, variant: ProductVariant | None) -> None:
        if variant is not None and index not in found:
            found[index] = free.pop(variant.pk)

    for index, wanted in enumerate(draft.variants):
        claim(index, next((v for v in free.values() if tuple(v.option_values) == wanted.option_values), None))
    for index, wanted in enumerate(draft.variants):
        sku = wanted.fields.get("sku")
        claim(index, next((v for v in free.values() if sku and v.sku == sku), None))
    if len(draft.variants) == 1 and (len(variants) == 1 or draft.option_names is None):
        claim(0, next((v for v in free.values() if v.is_active), next(iter(free.values()), None)))
    return [(wanted, found.get(index)) for index, wanted in enumerate(draft.variants)]


def _refuse_incomplete(
    draft: ProductDraft, product: Product, pairs: Sequence[tuple[VariantDraft, ProductVariant | None]]
) -> None:
    """What is new must be said in full; what is known may be said in part."""
    problems = []
    if product._state.adding and "name" not in draft.fields:
        problems.append(RowProblem(draft.line, draft.handle, Column.TITLE, "is missing: the product is new"))
    for wanted, known in pairs:
        if known is None and "price" not in wanted.fields:
            problems.append(RowProblem(wanted.line, draft.handle, Column.PRICE, "is missing: the variant is new"))
        if known is None and draft.option_names is None and wanted.option_values:
            reason = "is missing: the variant is new and its options need names"
            problems.append(RowProblem(wanted.line, draft.handle, Column.OPTION1_NAME, reason))
    if problems:
        raise PlanRefused(*problems)


def _plan_unlisted(
    draft: ProductDraft, variants: Sequence[ProductVariant], listed: Sequence[VariantPlan]
) -> list[VariantPlan]:
    """Take variants off sale that the file leaves out; a file that does not speak of options leaves them alone.

    They are kept: orders and carts know them, and a later file may bring them back.
    """
    known = {entry.variant.pk for entry in listed}
    unlisted = [variant for variant in variants if variant.pk not in known]
    if draft.option_names is None:
        return [VariantPlan(variant=variant, changes={}, draft=None) for variant in unlisted]
    skus = {entry.value("sku") for entry in listed} - {None}
    plans = []
    for place, variant in enumerate(unlisted, start=len(listed)):
        wanted: dict[str, Any] = {"is_active": False, "position": place}
        if variant.sku in skus:
            wanted["sku"] = None
        plans.append(VariantPlan(variant=variant, changes=_differences(variant, wanted), draft=None))
    return plans


def _default_variant(plans: Sequence[VariantPlan]) -> VariantPlan:
    return min(plans, key=lambda entry: (not entry.value("is_active"), entry.value("position")))


def _settle_archive(wanted: dict[str, Any], draft: ProductDraft, product: Product, now: dt.datetime) -> None:
    """Keep the rule that an archived product is not active, whichever of the two the file speaks of."""
    if draft.is_archived:
        wanted["archived_at"] = product.archived_at or now
    elif draft.is_archived is False or wanted.get("is_active"):
        wanted["archived_at"] = None


def _changed_tags(draft: ProductDraft, stored: StoredProduct) -> tuple[str, ...] | None:
    if draft.tags is None or {tag_slug(name) for name in draft.tags} == set(stored.tags):
        return None
    return draft.tags


def _differences(row: Product | ProductVariant, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in wanted.items() if getattr(row, field) != value}
