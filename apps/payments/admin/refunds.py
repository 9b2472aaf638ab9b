"""Refunds in the back office."""

from django.contrib import admin

from apps.payments.models import Refund, RefundLine
from core.admin_bases import ReadOnlyAdmin, ReadOnlyInline


class RefundInline(ReadOnlyInline):
    """What went back, or is on its way."""

    model = Refund
    extra = 0
    fields = readonly_fields = (
        "created_at", "amount", "currency", "cause", "reason", "state", "provider_reference", "failure_code",
    )  # fmt: skip


class RefundLineInline(ReadOnlyInline):
    """Which units it is for."""

    model = RefundLine
    fields = readonly_fields = ("order_item", "quantity", "amount", "currency")


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """All refunds."""

    list_display = ("created_at", "payment", "amount", "currency", "cause", "state", "failure_code", "actor")
    list_filter = ("state", "cause", "created_at")
    list_select_related = ("payment", "actor")
    search_fields = ("provider_reference", "payment__order__order_number")
    date_hierarchy = "created_at"
    list_per_page = 50
    inlines = (RefundLineInline,)
