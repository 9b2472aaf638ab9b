"""Carts in the back office: to look at, not to change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.cart.models import Cart, CartItem
from core.admin_bases import ReadOnlyAdmin, ReadOnlyInline


class CartItemInline(ReadOnlyInline):
    """The lines of a cart."""

    model = CartItem
    fields = ("variant", "quantity", "added_at")
    readonly_fields = fields
    ordering = ("added_at", "id")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("variant")


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    """Carts kept in the database."""

    list_display = ("id", "user", "is_guest", "created_at", "updated_at", "ordered_at")
    list_filter = (("ordered_at", admin.EmptyFieldListFilter), "updated_at")
    list_select_related = ("user",)
    search_fields = ("id", "user__email")
    fields = ("id", "user", "is_guest", "created_at", "updated_at", "ordered_at")
    readonly_fields = fields
    inlines = (CartItemInline,)
    ordering = ("-updated_at", "id")

    @admin.display(boolean=True)
    def is_guest(self, cart: Cart) -> bool:
        return cart.user_id is None
