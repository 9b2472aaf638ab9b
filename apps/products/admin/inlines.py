"""A product's variants and pictures on its page in the back office, and how they are saved."""

from typing import Any

from django.contrib import admin
from django.db.models import Max
from django.utils.html import format_html
from unfold.admin import StackedInline, TabularInline

from apps.products.forms import PictureForm
from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.services.images import add_image, remove_image
from core import clock
from core.money import quantize

THUMBNAIL_PIXELS = 48
_AMOUNTS = ("price", "compare_at_price", "cost_price")


class VariantInline(StackedInline):  # type: ignore[misc]
    """What can be put into a cart. The first active one is the default."""

    model = ProductVariant
    fields = (
        ("sku", "name", "is_active"),
        ("price", "compare_at_price", "cost_price"),
        ("weight_grams", "barcode", "option_values"),
        ("requires_shipping", "is_taxable", "tax_category"),
    )
    ordering = ("position",)
    extra = 0
    min_num = 1

    def get_formset(self, request: Any, obj: Product | None = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, **{"validate_min": True, **kwargs})


class PictureInline(TabularInline):  # type: ignore[misc]
    """Pictures by position: the first is the primary one."""

    model = ProductImage
    form = PictureForm
    fields = ("preview", "upload", "alt_text", "variant", "position")
    readonly_fields = ("preview",)
    ordering = ("position", "id")
    extra = 0

    @admin.display(description="picture")
    def preview(self, image: ProductImage) -> str:
        return thumbnail(image)


def thumbnail(image: ProductImage | None) -> str:
    """Return a small picture as HTML, or a dash."""
    if image is None or not image.url:
        return "–"
    style = f"height:{THUMBNAIL_PIXELS}px;width:{THUMBNAIL_PIXELS}px;object-fit:cover;border-radius:4px"
    return format_html('<img src="{}" alt="{}" style="{}" loading="lazy">', image.url, image.alt_text, style)


def save_variants(formset: Any, product: Product) -> None:
    """Write the variants of a valid formset; new ones come last and take the product's currency."""
    last = ProductVariant.objects.filter(product_id=product.pk).aggregate(last=Max("position"))["last"]
    place = 0 if last is None else last + 1
    for variant in formset.save(commit=False):
        for name in _AMOUNTS:
            if (amount := getattr(variant, name)) is not None:
                setattr(variant, name, quantize(amount, product.currency))
        if variant._state.adding:
            variant.currency, variant.position, place = product.currency, place, place + 1
        variant.save()
    for variant in formset.deleted_objects:
        variant.delete()


def save_pictures(formset: Any, product: Product) -> None:
    """Write the pictures of a valid formset: new files are checked and encoded anew, taken ones go with their files."""
    formset.save(commit=False)
    now = clock.now()
    for image in formset.deleted_objects:
        remove_image(image=image, now=now)
    for image, _fields in formset.changed_objects:
        image.save(update_fields=["alt_text", "variant", "position", "updated_at"])
    for form in formset.extra_forms:
        if form.has_changed() and form not in formset.deleted_forms:
            described = form.cleaned_data
            added = add_image(
                product=product,
                upload=described["upload"],
                alt_text=described["alt_text"],
                variant=described["variant"],
                now=now,
            )
            if described["position"]:
                ProductImage.objects.filter(pk=added.pk).update(position=described["position"])
