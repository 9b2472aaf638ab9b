"""What the apps' back-office pages are made of."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline


class ReadOnly:
    """Rows that are looked at, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """A page to look things up on."""

    list_per_page = 50


class ReadOnlyInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """Rows of another table on their owner's page."""

    extra = 0
    can_delete = False
