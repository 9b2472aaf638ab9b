"""Products in the back office."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.accounts.models import User
from apps.products.admin.base import CatalogueAdmin
from apps.products.admin.inlines import PictureInline, VariantInline, save_pictures, save_variants, thumbnail
from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.services.products import ProductInput, update_product
from apps.products.services.removal import Removal, archive_or_delete_product
from apps.products.services.settling import settle_product
from apps.products.services.slugs import insert_with_free_slug
from apps.products.texts import fold
from core import clock
from core.money import ZERO, format_amount

_EDITED = ("name", "description", "vendor", "is_active", "is_featured", "seo_title", "seo_description")


@admin.register(Product)
class ProductAdmin(CatalogueAdmin):
    """What is sold. Price and SKU are those of the default variant; stock has pages of its own."""

    list_display = (
        "picture", "name", "seller", "category", "shown_price", "is_active", "is_featured", "archived_at", "updated_at",
    )  # fmt: skip
    list_display_links = ("picture", "name")
    list_filter = (
        "is_active",
        "is_featured",
        ("archived_at", admin.EmptyFieldListFilter),
        ("category", admin.RelatedOnlyFieldListFilter),
        ("seller", admin.RelatedOnlyFieldListFilter),
        "created_at",
    )
    list_select_related = ("seller", "category")
    search_fields = ("search_text",)
    search_help_text = "Words of the name, description, category or vendor; tags; SKUs"
    autocomplete_fields = ("seller", "category", "tags")
    show_full_result_count = False
    ordering = ("-created_at", "-id")
    readonly_fields = ("slug", "shown_price", "sku", "version", "archived_at", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "seller", "category", "tags", "vendor", "description")}),
        ("Sale", {"fields": ("is_active", "is_featured", "shown_price", "sku")}),
        ("Search engines", {"fields": ("slug", "seo_title", "seo_description"), "classes": ["collapse"]}),
        ("Variants and history", {"fields": ("option_names", "version", "archived_at", "created_at", "updated_at"),
                                  "classes": ["collapse"]}),
    )  # fmt: skip
    inlines = (VariantInline, PictureInline)
    actions = ("activate", "deactivate", "feature", "stop_featuring")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        rows: QuerySet[Product] = super().get_queryset(request)
        images = ProductImage.objects.order_by("position", "id")
        return rows.prefetch_related(Prefetch("images", queryset=images, to_attr="pictures"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """Find products as customers do: every word, whatever its case and accents."""
        for word in fold(search_term).split():
            queryset = queryset.filter(search_text__contains=word)
        return queryset, False

    @admin.display(description="picture")
    def picture(self, product: Product) -> str:
        pictures = product.pictures  # type: ignore[attr-defined]
        return thumbnail(pictures[0] if pictures else None)

    @admin.display(description="price", ordering="price")
    def shown_price(self, product: Product) -> str:
        if product._state.adding:
            return "that of the first active variant"
        return f"{format_amount(product.price, product.currency)} {product.currency}"

    # --- Writing --------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Product, form: ModelForm[Product], change: bool) -> None:
        if not change:
            obj.currency, obj.price = settings.STORE_CURRENCY, ZERO  # settled once the variants are written
            insert_with_free_slug(obj)
            return
        changes: dict[str, Any] = {name: form.cleaned_data[name] for name in form.changed_data if name in _EDITED}
        if "category" in form.changed_data:
            changes["category_id"] = obj.category_id
        update_product(
            actor=cast(User, request.user), product_id=obj.pk, changes=cast(ProductInput, changes), now=clock.now()
        )
        Product.objects.filter(pk=obj.pk).update(seller=obj.seller, option_names=obj.option_names)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        save = save_variants if formset.model is ProductVariant else save_pictures
        save(formset, form.instance)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        settle_product(product_id=form.instance.pk)

    # --- Removal --------------------------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Nothing is protected here: what was ordered is archived."""
        names = [f"{product.name} (archived if it was ever ordered)" for product in objs]
        return names, {"products": len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        self.delete_queryset(request, Product.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        actor, now = cast(User, request.user), clock.now()
        outcomes = [
            archive_or_delete_product(actor=actor, product_id=row.pk, now=now) for row in queryset.order_by("pk")
        ]
        if archived := outcomes.count(Removal.ARCHIVED):
            self.message_user(request, f"{archived} of them had been ordered and were archived.", messages.INFO)

    # --- Many at once ---------------------------------------------------------------------------------

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change_all(request, queryset, {"is_active": True})

    @admin.action(description="Deactivate", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change_all(request, queryset, {"is_active": False})

    @admin.action(description="Feature", permissions=["change"])
    def feature(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change_all(request, queryset, {"is_featured": True})

    @admin.action(description="Stop featuring", permissions=["change"])
    def stop_featuring(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change_all(request, queryset, {"is_featured": False})

    def _change_all(self, request: HttpRequest, queryset: QuerySet[Product], changes: ProductInput) -> None:
        """Change one after the other, in key order, each in a transaction of its own."""
        actor, now = cast(User, request.user), clock.now()
        for product_id in sorted(queryset.order_by().values_list("pk", flat=True)):
            update_product(actor=actor, product_id=product_id, changes=changes, now=now)
        self.message_user(request, "The products were changed.", messages.SUCCESS)
