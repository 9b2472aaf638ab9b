"""What the order's page of the back office has because there is money: the way to refund it."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from apps.orders.admin import OrderAdmin
from apps.orders.models import Order
from apps.payments.admin.refund_page import may_refund, refund_page

# Orders stand below payments and know nothing of them, so that their page grows here.
admin.site.unregister(Order)


@admin.register(Order)
class PaidOrderAdmin(OrderAdmin):
    """An order whose money can be refunded."""

    actions_detail = (*OrderAdmin.actions_detail, "refund")

    def has_refund_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return may_refund(request)

    @action(description="Refund", url_path="refund", permissions=["refund"])  # type: ignore[untyped-decorator]
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the page that refunds the order."""
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404
        back = reverse("admin:orders_order_change", args=[order.pk])
        return refund_page(request, order=order, site=self.admin_site, back=back)
