"""Stock in the back office: figures change only through an adjustment with its reason; ledgers are looked at."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.accounts.models import User
from apps.inventory.forms import StockForm
from apps.inventory.models import Reservation, Stock, StockLocation, StockMovement
from apps.inventory.services.stock import adjust_stock
from core import clock
from core.admin_bases import ReadOnlyAdmin
from core.errors import ShopError

PRODUCT_FIELDS = ("variant__sku", "variant__product__name")


class AvailabilityFilter(admin.SimpleListFilter):
    """Which stock wants attention."""

    title = "availability"
    parameter_name = "availability"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "sold out"), ("low", "low"), ("plenty", "above its threshold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Stock]) -> QuerySet[Stock]:
        rows = queryset.alias(units=F("on_hand") - F("reserved"))
        match self.value():
            case "none":
                return rows.filter(units=0)
            case "low":
                return rows.filter(units__gt=0, units__lte=F("low_stock_threshold"))
            case "plenty":
                return rows.filter(units__gt=F("low_stock_threshold"))
            case _:
                return queryset


@admin.register(Stock)
class StockAdmin(ModelAdmin):  # type: ignore[misc]
    """What lies where. Rows come with their variants, so none is added or deleted here."""

    form = StockForm
    list_display = (
        "product",
        "sku",
        "location",
        "on_hand",
        "reserved",
        "available",
        "low_stock_threshold",
        "updated_at",
    )
    list_filter = (AvailabilityFilter, "location")
    list_select_related = ("variant__product", "location")
    search_fields = PRODUCT_FIELDS
    search_help_text = "SKU or name of the product"
    ordering = ("variant__product__name", "id")
    list_per_page = 50
    show_full_result_count = False
    readonly_fields = ("product", "sku", "location", "on_hand", "reserved", "available", "updated_at")
    fields = (*readonly_fields, "delta", "reason", "low_stock_threshold")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Stock | None = None) -> bool:
        return False

    @admin.display(ordering="variant__product__name")
    def product(self, stock: Stock) -> str:
        return " - ".join(filter(None, (stock.variant.product.name, stock.variant.name)))

    @admin.display(ordering="variant__sku")
    def sku(self, stock: Stock) -> str | None:
        return stock.variant.sku

    @admin.display(ordering=F("on_hand") - F("reserved"))
    def available(self, stock: Stock) -> int:
        return stock.available

    def save_model(self, request: HttpRequest, obj: Stock, form: StockForm, change: bool) -> None:
        """Write the threshold alone: the figures on the form are already old."""
        if "low_stock_threshold" in form.changed_data:
            obj.save(update_fields=["low_stock_threshold"])
        if form.cleaned_data["delta"]:
            self._adjust(request, obj, delta=form.cleaned_data["delta"], reason=form.cleaned_data["reason"])

    def _adjust(self, request: HttpRequest, stock: Stock, *, delta: int, reason: str) -> None:
        actor = request.user if isinstance(request.user, User) else None
        try:
            with transaction.atomic():  # a savepoint: a refusal must not end the transaction of the page
                adjust_stock(variant_id=stock.variant_id, delta=delta, reason=reason, actor=actor, now=clock.now())
        except ShopError as error:
            self.message_user(request, f"The stock was not changed. {error.detail}", messages.ERROR)


@admin.register(StockLocation)
class StockLocationAdmin(ModelAdmin):  # type: ignore[misc]
    """Where goods lie. For now there is one place, which is made with the first stock."""

    list_display = ("name", "code", "is_default")
    readonly_fields = ("code", "is_default")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: StockLocation | None = None) -> bool:
        return False


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    """The ledger: why every figure is what it is."""

    list_display = ("created_at", "sku", "kind", "quantity", "reason", "reference", "actor")
    list_filter = ("kind", "created_at")
    list_select_related = ("stock__variant", "actor")
    search_fields = ("=reference", *(f"stock__{name}" for name in PRODUCT_FIELDS))
    search_help_text = "Reference (order:<id>), SKU or name of the product"
    show_full_result_count = False

    @admin.display(ordering="stock__variant__sku")
    def sku(self, movement: StockMovement) -> str | None:
        return movement.stock.variant.sku


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """Which units are promised to which order."""

    list_display = ("created_at", "sku", "quantity", "state", "reference", "closed_at")
    list_filter = ("state", "created_at")
    list_select_related = ("stock__variant",)
    search_fields = ("=reference", *(f"stock__{name}" for name in PRODUCT_FIELDS))
    search_help_text = "Reference (order:<id>), SKU or name of the product"
    ordering = ("-id",)
    show_full_result_count = False

    @admin.display(ordering="stock__variant__sku")
    def sku(self, reservation: Reservation) -> str | None:
        return reservation.stock.variant.sku
