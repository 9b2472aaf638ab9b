"""Invoices in the back office: looked at and downloaded, never edited."""

import re
import uuid

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.invoices.models import Invoice, InvoiceSequence
from apps.invoices.services.documents import document_or_copy
from core.admin_bases import ReadOnlyAdmin

_NUMBER = re.compile(r"(?P<series>INV-[0-9]{4})-(?P<number>[0-9]{1,9})", re.ASCII)


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Find an invoice by its number, its order or its buyer."""

    list_display = ("full_number", "order", "total", "issued_at", "download")
    list_filter = ("series", "issued_at")
    list_select_related = ("order",)
    search_fields = ("order__order_number", "order__email")
    search_help_text = "Invoice number, order number or e-mail address"
    date_hierarchy = "issued_at"
    ordering = ("-issued_at", "-id")
    list_per_page = 50
    fields = ("full_number", "order", "total", "issued_at", "download", "content")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Find a number as it is printed, else by order."""
        if printed := _NUMBER.fullmatch(search_term.strip()):
            return queryset.filter(series=printed["series"], number=int(printed["number"])), False
        found: tuple[QuerySet[Invoice], bool] = super().get_search_results(request, queryset, search_term)
        return found

    @admin.display(description="number", ordering="number")
    def full_number(self, invoice: Invoice) -> str:
        return invoice.full_number

    @admin.display(description="total")
    def total(self, invoice: Invoice) -> str:
        return f"{invoice.content['total_amount']} {invoice.content['currency']}"

    @admin.display(description="PDF")
    def download(self, invoice: Invoice) -> SafeString:
        return format_html('<a href="{}">Download</a>', reverse("admin:invoices_invoice_pdf", args=[invoice.pk]))

    def get_urls(self) -> list[URLPattern]:
        own = path("<uuid:invoice_id>/pdf/", self.admin_site.admin_view(self.pdf), name="invoices_invoice_pdf")
        return [own, *super().get_urls()]

    def pdf(self, request: HttpRequest, invoice_id: uuid.UUID) -> HttpResponse:
        """Answer with the PDF. Who may not look at invoices is told there is none."""
        invoice = Invoice.objects.filter(pk=invoice_id).first()
        if invoice is None or not self.has_view_permission(request, invoice):
            raise Http404
        headers = {"Content-Disposition": f'attachment; filename="{invoice.full_number}.pdf"'}
        return HttpResponse(document_or_copy(invoice=invoice), content_type="application/pdf", headers=headers)


@admin.register(InvoiceSequence)
class InvoiceSequenceAdmin(ReadOnlyAdmin):
    """Where each series stands."""

    list_display = ("series", "last_number")
    ordering = ("-series",)
