"""Pictures of an imported product: known by their address, in the file's order."""

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin

from django.conf import settings

from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.services.images import delete_file_on_commit
from apps.products.shopify.drafts import ImageDraft, ProductDraft, VariantDraft


@dataclasses.dataclass(slots=True)
class ImagePlan:
    """Pictures to add, to change (with the fields that change) and to take away."""

    added: list[ProductImage] = dataclasses.field(default_factory=list)
    changed: list[tuple[ProductImage, dict[str, Any]]] = dataclasses.field(default_factory=list)
    gone: list[ProductImage] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def address_of(image: ProductImage) -> str:
    """Return where the file says the picture is: where it came from, else where we show our copy."""
    return image.source_url or urljoin(settings.PUBLIC_URL, image.file.url)


def plan_images(
    draft: ProductDraft,
    product: Product,
    stored: Sequence[ProductImage],
    variants: Sequence[tuple[VariantDraft | None, ProductVariant]],
) -> ImagePlan:
    """Return what makes the product's pictures those of the draft, in its order.

    A picture that came from an address and is listed no more goes away; one that was uploaded here stays, behind.
    """
    plan = ImagePlan()
    if draft.images is None:
        return plan
    known = {address_of(image): image for image in reversed(stored)}
    shown = _variants_by_picture(variants)
    for place, wanted in enumerate(draft.images):
        image = known.get(wanted.src)
        values = _values(wanted, place=place, variant_id=shown.get(wanted.src), draft=draft)
        if image is None:
            plan.added.append(ProductImage(product=product, source_url=wanted.src, **values))
        else:
            _note_changes(plan, image, values)
    listed = {image.src for image in draft.images}
    unlisted = [image for image in stored if address_of(image) not in listed or known[address_of(image)] is not image]
    plan.gone = [image for image in unlisted if image.source_url]
    uploaded = (image for image in unlisted if not image.source_url)
    for place, image in enumerate(uploaded, start=len(draft.images)):
        _note_changes(plan, image, {"position": place})
    return plan


def apply_images(plan: ImagePlan) -> None:
    """Write the plan: one statement for each kind of change. Files go once the transaction has committed."""
    if plan.gone:
        ProductImage.objects.filter(pk__in=[image.pk for image in plan.gone]).delete()
        for image in plan.gone:
            if image.file:
                delete_file_on_commit(str(image.file.name))
    if plan.changed:
        for image, changes in plan.changed:
            for field, value in changes.items():
                setattr(image, field, value)
        ProductImage.objects.bulk_update([image for image, _ in plan.changed], ["position", "alt_text", "variant_id"])
    if plan.added:
        ProductImage.objects.bulk_create(plan.added)


def _variants_by_picture(variants: Sequence[tuple[VariantDraft | None, ProductVariant]]) -> dict[str, uuid.UUID]:
    """Return which variant a picture shows. A picture shows one variant at most: the first that names it."""
    shown: dict[str, uuid.UUID] = {}
    for draft, variant in variants:
        if draft is not None and draft.image_src:
            shown.setdefault(draft.image_src, variant.pk)
    return shown


def _values(wanted: ImageDraft, *, place: int, variant_id: uuid.UUID | None, draft: ProductDraft) -> dict[str, Any]:
    values: dict[str, Any] = {"position": place}
    if wanted.alt_text is not None:
        values["alt_text"] = wanted.alt_text
    if draft.has_variant_images:
        values["variant_id"] = variant_id
    return values


def _note_changes(plan: ImagePlan, image: ProductImage, values: dict[str, Any]) -> None:
    changes = {field: value for field, value in values.items() if getattr(image, field) != value}
    if changes:
        plan.changed.append((image, changes))
