"""The back office of shipping."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.shipping.models import ShippingMethod, ShippingRate


class ShippingRateInline(TabularInline):  # type: ignore[misc]
    """The rates of a method. Amounts are in the store's currency."""

    model = ShippingRate
    fields = ("country", "min_weight_grams", "max_weight_grams", "price", "free_over", "currency")
    readonly_fields = ("currency",)
    extra = 0


@admin.register(ShippingMethod)
class ShippingMethodAdmin(ModelAdmin):  # type: ignore[misc]
    """Ways to send; the first by position that reaches an address is the default there."""

    list_display = ("name", "code", "position", "is_active")
    list_editable = ("position", "is_active")
    list_filter = ("is_active",)
    search_fields = ("code", "name", "description")
    ordering = ("position", "code")
    inlines = (ShippingRateInline,)

    def save_formset(
        self, request: HttpRequest, form: ModelForm[Any], formset: BaseModelFormSet[Any, Any], change: bool
    ) -> None:
        """Save the rates; new ones are in the store's currency."""
        for entry in formset.forms:
            if not entry.instance.currency:
                entry.instance.currency = settings.STORE_CURRENCY
        formset.save()
