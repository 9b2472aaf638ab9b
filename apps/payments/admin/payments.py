"""Payments in the back office: everything is looked at, nothing is edited; acts go through the services."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from apps.payments.admin.refund_page import may_refund, refund_page
from apps.payments.admin.refunds import RefundInline
from apps.payments.models import Payment, PaymentEntry
from apps.payments.services.capturing import capture_payment
from apps.payments.services.cash import collect_cash
from apps.payments.services.inquiries import ask_provider
from core import clock
from core.admin_bases import ReadOnlyAdmin, ReadOnlyInline
from core.errors import ShopError
from core.money import format_amount


class PaymentEntryInline(ReadOnlyInline):
    """The payment's ledger."""

    model = PaymentEntry
    extra = 0
    fields = readonly_fields = ("occurred_at", "kind", "amount", "currency", "reference", "actor", "detail")


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Find a payment and see why it stands where it stands. The client's secret is not shown."""

    list_display = ("order", "provider", "status", "amount_shown", "captured", "refunded", "failure_code", "created_at")
    list_filter = ("status", "provider", "created_at")
    list_select_related = ("order",)
    search_fields = ("order__order_number", "order__email", "transaction_id")
    search_help_text = "Order number, e-mail address or the provider's transaction"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    list_per_page = 50
    exclude = ("client_secret",)
    inlines = (PaymentEntryInline, RefundInline)
    actions = ("ask_the_provider", "capture", "record_cash")
    actions_detail = ("refund",)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acting on payments takes the right to change them, although no form changes anything."""
        return request.user.has_perm("payments.change_payment")

    def has_refund_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return may_refund(request)

    @admin.display(description="amount", ordering="amount")
    def amount_shown(self, payment: Payment) -> str:
        return f"{format_amount(payment.amount, payment.currency)} {payment.currency}"

    @admin.display(description="captured", ordering="captured_amount")
    def captured(self, payment: Payment) -> str:
        return format_amount(payment.captured_amount, payment.currency)

    @admin.display(description="refunded", ordering="refunded_amount")
    def refunded(self, payment: Payment) -> str:
        return format_amount(payment.refunded_amount, payment.currency)

    @admin.action(description="Ask the provider", permissions=["act"])
    def ask_the_provider(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        self._do_all(request, payments, lambda payment: ask_provider(payment=payment, now=clock.now()))

    @admin.action(description="Capture: take the authorised money", permissions=["act"])
    def capture(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        actor: Any = request.user
        self._do_all(
            request, payments, lambda payment: capture_payment(payment_id=payment.pk, actor=actor, now=clock.now())
        )

    @admin.action(description="Record the cash as received", permissions=["act"])
    def record_cash(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        actor: Any = request.user
        self._do_all(
            request,
            payments,
            lambda payment: collect_cash(order_id=payment.order_id, actor=actor, now=clock.now()),
        )

    @action(description="Refund", url_path="refund", permissions=["refund"])  # type: ignore[untyped-decorator]
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the page that refunds the payment's order."""
        payment = self.get_object(request, object_id)
        if payment is None:
            raise Http404
        back = reverse("admin:payments_payment_change", args=[payment.pk])
        return refund_page(request, order=payment.order, site=self.admin_site, back=back)

    def _do_all(
        self, request: HttpRequest, payments: QuerySet[Payment], act: Callable[[Payment], Payment | None]
    ) -> None:
        for payment in payments.select_related("order"):
            try:
                after = act(payment) or payment
            except ShopError as error:
                messages.error(request, f"{payment.order.order_number}: {error.detail}")
            else:
                messages.success(request, f"{payment.order.order_number}: {after.status}")


@admin.register(PaymentEntry)
class PaymentEntryAdmin(ReadOnlyAdmin):
    """The ledger of all payments."""

    list_display = ("occurred_at", "payment", "kind", "amount", "currency", "reference", "actor")
    list_filter = ("kind", "payment__provider", "occurred_at")
    list_select_related = ("payment", "actor")
    search_fields = ("reference", "payment__transaction_id", "payment__order__order_number")
    date_hierarchy = "occurred_at"
    list_per_page = 50
