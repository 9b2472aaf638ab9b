"""The page on which an order is marked as shipped, and on which the tracking of a shipped one is corrected."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from apps.orders.admin.shipping_form import ShippingForm
from apps.orders.models import Order
from apps.orders.services.tracking import ship_order
from apps.orders.states import OrderStatus
from core import clock
from core.errors import ShopError

REASON = "back office"
SHIPPABLE = frozenset({OrderStatus.PROCESSING, OrderStatus.SHIPPED})


def shipping_page(request: HttpRequest, *, order: Order, site: AdminSite, back: str) -> HttpResponse:
    """Show the form, or do what it says and lead `back`. Who calls it has asked whether the person may move orders.

    A refusal stands above the form. An order that is not packed yet, or delivered, leads `back` at once.
    """
    if order.status not in SHIPPABLE:
        messages.warning(request, f"Order {order.order_number} is {order.status}: there is no parcel to track.")
        return HttpResponseRedirect(back)
    form = ShippingForm(request.POST if request.method == "POST" else None, order=order)
    if form.is_valid():
        try:
            _ship(request, order, form)
        except ShopError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, f"Order {order.order_number} is shipped and tracked as you said.")
            return HttpResponseRedirect(back)
    return TemplateResponse(request, "orders/admin/shipping.html", _context(request, order, site, form, back))


def _ship(request: HttpRequest, order: Order, form: ShippingForm) -> None:
    actor: Any = request.user
    ship_order(order_id=order.pk, tracking=form.tracking(), actor=actor, reason=REASON, now=clock.now())


def _context(request: HttpRequest, order: Order, site: AdminSite, form: ShippingForm, back: str) -> dict[str, Any]:
    is_shipped = order.status == OrderStatus.SHIPPED
    title = f"Correct the tracking of {order.order_number}" if is_shipped else f"Ship {order.order_number}"
    return {
        **site.each_context(request),
        "title": title,
        "opts": Order._meta,
        "form": form,
        "deed": "Correct the tracking" if is_shipped else "Mark as shipped",
        "back": back,
    }
