"""The page on which an admin refunds an order, reached from the order and from its payments."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from apps.orders.models import Order, OrderItem
from apps.payments.admin.refund_form import RefundForm
from apps.payments.errors import ProviderRefused
from apps.payments.models import Refund
from apps.payments.services.refundable import richest_payment
from apps.payments.services.refunding import request_refund
from core import clock
from core.errors import ShopError
from core.money import format_amount


def may_refund(request: HttpRequest) -> bool:
    """Refunding takes the right to change payments."""
    return request.user.has_perm("payments.change_payment")


def refund_page(request: HttpRequest, *, order: Order, site: AdminSite, back: str) -> HttpResponse:
    """Show the form, or do what it says and lead `back`. Who calls it has asked `may_refund`.

    A refusal stands above the form; after the provider's the form is a new one, whose refund is another.
    """
    form = RefundForm(request.POST or None, order=order, items=list(OrderItem.objects.filter(order=order)))
    if request.method == "POST" and form.is_valid():
        try:
            refund = _refund(request, form)
        except ProviderRefused as error:
            messages.error(request, f"{error.detail} ({error.extra['provider_code']}). Nothing went back.")
            return HttpResponseRedirect(request.get_full_path())
        except ShopError as error:
            form.add_error(None, error.errors[0].detail if error.errors else error.detail)
        else:
            messages.success(request, _told(refund))
            return HttpResponseRedirect(back)
    return TemplateResponse(request, "payments/admin/refund.html", _context(request, order, site, form, back))


def _refund(request: HttpRequest, form: RefundForm) -> Refund:
    actor: Any = request.user
    return request_refund(command=form.command(actor), now=clock.now())


def _told(refund: Refund) -> str:
    return f"Refund of {format_amount(refund.amount, refund.currency)} {refund.currency}: {refund.state}."


def _context(request: HttpRequest, order: Order, site: AdminSite, form: RefundForm, back: str) -> dict[str, Any]:
    _, left = richest_payment(order)
    return {
        **site.each_context(request),
        "title": f"Refund {order.order_number}",
        "opts": Order._meta,
        "form": form,
        "left": f"{format_amount(left, order.currency)} {order.currency}",
        "back": back,
    }
