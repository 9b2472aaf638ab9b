"""Saved payment methods in the back office: seen, not edited."""

from django.contrib import admin

from apps.payments.models import PaymentMethod, ProviderCustomer
from core.admin_bases import ReadOnlyAdmin


@admin.register(ProviderCustomer)
class ProviderCustomerAdmin(ReadOnlyAdmin):
    """What providers call the shop's accounts."""

    list_display = ("user", "provider", "reference", "created_at")
    list_filter = ("provider", "created_at")
    list_select_related = ("user",)
    search_fields = ("reference", "user__email")
    search_help_text = "E-mail address or the provider's name of the customer"
    date_hierarchy = "created_at"
    list_per_page = 50


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin):
    """The saved methods. What a provider knows one by is not shown: with it one could pay."""

    list_display = ("user", "provider", "kind", "brand", "last4", "exp_month", "exp_year", "is_default", "created_at")
    list_filter = ("provider", "kind", "brand", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "last4")
    search_help_text = "E-mail address or the last four digits"
    date_hierarchy = "created_at"
    list_per_page = 50
    exclude = ("reference",)
