"""The back office of pricing."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.pricing.models import TaxRate


@admin.register(TaxRate)
class TaxRateAdmin(ModelAdmin):  # type: ignore[misc]
    """Tax rates; the most specific active one wins."""

    list_display = ("name", "country", "state", "tax_category", "rate", "applies_to_shipping", "is_active")
    list_filter = ("is_active", "country", "applies_to_shipping")
    search_fields = ("name", "country", "state", "tax_category")
    ordering = ("country", "state", "tax_category")
