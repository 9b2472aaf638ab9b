"""Orders in the back office: look at them, move them by the services, change nothing by hand."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from apps.orders.admin.shipping_page import REASON, shipping_page
from apps.orders.models import Order, OrderItem, OrderStatusChange
from apps.orders.services.cancellation import cancel_order
from apps.orders.services.transitions import move_order
from apps.orders.states import OrderStatus
from core import clock
from core.admin_bases import ReadOnlyInline
from core.errors import ShopError
from core.money import format_amount


class OrderItemInline(ReadOnlyInline):
    """The order's lines, as frozen at checkout, and how many units of them went back."""

    model = OrderItem
    fields = (
        "name",
        "sku",
        "quantity",
        "refunded_quantity",
        "restocked_quantity",
        "unit_price",
        "discount_amount",
        "tax_amount",
        "total",
        "currency",
        "seller",
    )


class OrderStatusChangeInline(ReadOnlyInline):
    """What happened to the order, by whom and why."""

    model = OrderStatusChange
    fields = ("created_at", "field", "from_state", "to_state", "reason", "actor")
    readonly_fields = fields


@admin.register(Order)
class OrderAdmin(ModelAdmin):  # type: ignore[misc]
    """Find an order, see all of it, and mark what was done with it. Figures, addresses and states are not editable."""

    list_display = (
        "order_number",
        "email",
        "status",
        "is_on_hold",
        "payment_status",
        "payment_method",
        "total",
        "created_at",
    )
    list_filter = ("status", "is_on_hold", "payment_status", "payment_method", "created_at")
    search_fields = ("order_number", "email")
    search_help_text = "Order number or e-mail address"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    list_per_page = 50
    inlines = (OrderItemInline, OrderStatusChangeInline)
    actions = ("mark_processing", "mark_shipped", "mark_delivered", "mark_returned", "cancel")
    actions_detail: tuple[str, ...] = ("ship",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def has_move_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Moving an order takes the right to change orders, although the form itself changes nothing."""
        return bool(super().has_change_permission(request))

    @admin.display(description="total", ordering="total_amount")
    def total(self, order: Order) -> str:
        return f"{format_amount(order.total_amount, order.currency)} {order.currency}"

    @admin.action(description="Mark as being processed", permissions=["move"])
    def mark_processing(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_all(request, orders, OrderStatus.PROCESSING)

    @admin.action(description="Mark as shipped", permissions=["move"])
    def mark_shipped(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_all(request, orders, OrderStatus.SHIPPED)

    @admin.action(description="Mark as delivered", permissions=["move"])
    def mark_delivered(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_all(request, orders, OrderStatus.DELIVERED)

    @admin.action(description="Mark as returned (restocks)", permissions=["move"])
    def mark_returned(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_all(request, orders, OrderStatus.RETURNED)

    @admin.action(description="Cancel (frees the stock, refunds)", permissions=["move"])
    def cancel(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        actor: Any = request.user
        self._do_all(
            request,
            orders,
            lambda order: cancel_order(order_id=order.pk, actor=actor, reason=REASON, now=clock.now()),
            done="cancelled",
        )

    @action(description="Ship or track", url_path="ship", permissions=["move"])  # type: ignore[untyped-decorator]
    def ship(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the page that ships the order, or corrects how it is tracked."""
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404
        back = reverse("admin:orders_order_change", args=[order.pk])
        return shipping_page(request, order=order, site=self.admin_site, back=back)

    def _move_all(self, request: HttpRequest, orders: QuerySet[Order], to: OrderStatus) -> None:
        actor: Any = request.user
        self._do_all(
            request,
            orders,
            lambda order: move_order(order_id=order.pk, to=to, actor=actor, reason=REASON, now=clock.now()),
            done=f"now {to.value}",
        )

    def _do_all(
        self, request: HttpRequest, orders: QuerySet[Order], act: Callable[[Order], Order], *, done: str
    ) -> None:
        """Each order by itself: one that refuses is named with its reason and stops none of the others."""
        moved = 0
        for order in orders.order_by("pk"):
            try:
                act(order)
            except ShopError as error:
                self.message_user(request, f"{order.order_number}: {error.detail}", messages.WARNING)
            else:
                moved += 1
        if moved:
            self.message_user(
                request, f"{moved} {'order is' if moved == 1 else 'orders are'} {done}.", messages.SUCCESS
            )
