"""Categories and tags in the back office."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from apps.products.admin.base import CatalogueAdmin
from apps.products.forms import CategoryForm, TagForm
from apps.products.models import Category, Tag
from apps.products.services.categories import create_category, delete_category, update_category
from apps.products.services.tags import delete_tag, ensure_tags, rename_tag


@admin.register(Category)
class CategoryAdmin(CatalogueAdmin):
    """The tree of categories."""

    form = CategoryForm
    list_display = ("name", "parent", "position", "slug", "product_count", "is_active")
    list_filter = ("is_active", ("parent", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("parent",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("parent",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        rows: QuerySet[Category] = super().get_queryset(request)
        return rows.annotate(product_count=Count("products"))

    @admin.display(description="products", ordering="product_count")
    def product_count(self, category: Category) -> int:
        return int(category.product_count)  # type: ignore[attr-defined]

    def save_model(self, request: HttpRequest, obj: Category, form: ModelForm[Category], change: bool) -> None:
        data: Any = {name: value for name, value in form.cleaned_data.items() if name != "parent"}
        data["parent_id"] = form.cleaned_data["parent"].pk if form.cleaned_data["parent"] else None
        if change:
            update_category(category_id=obj.pk, changes=data)
        else:
            made = create_category(data=data)
            obj.pk, obj.slug, obj._state.adding = made.pk, made.slug, False

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        delete_category(category_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Category]) -> None:
        for category in queryset:
            delete_category(category_id=category.pk)


@admin.register(Tag)
class TagAdmin(CatalogueAdmin):
    """Words that products are found by."""

    form = TagForm
    list_display = ("name", "slug", "product_count")
    search_fields = ("name", "slug")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        rows: QuerySet[Tag] = super().get_queryset(request)
        return rows.annotate(product_count=Count("products"))

    @admin.display(description="products", ordering="product_count")
    def product_count(self, tag: Tag) -> int:
        return int(tag.product_count)  # type: ignore[attr-defined]

    def save_model(self, request: HttpRequest, obj: Tag, form: ModelForm[Tag], change: bool) -> None:
        if change:
            rename_tag(tag_id=obj.pk, name=form.cleaned_data["name"])
        else:
            [made] = ensure_tags([form.cleaned_data["name"]])
            obj.pk, obj.slug, obj._state.adding = made.pk, made.slug, False

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        delete_tag(tag_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        for tag in queryset:
            delete_tag(tag_id=tag.pk)
