"""Invoices over HTTP, v1 and v2."""

import uuid

from django.http import HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.invoices.models import Invoice
from apps.invoices.selectors import access_invoice
from apps.invoices.services.documents import read_document, request_document
from apps.invoices.services.issuing import require_ready
from apps.orders.api.shared import ORDER_TOKEN_HEADER, known_principal_of
from core import clock
from core.api.permissions import AllowAny
from core.api.renderers import JSONRenderer
from core.api.views import ShopView

MEDIA_TYPE = "application/pdf"
RETRY_AFTER_SECONDS = 1
PREPARING = inline_serializer("InvoicePreparing", {"status": serializers.ChoiceField(["preparing"])})


class PDFNegotiation(JSONRenderer):
    """Lets a client ask for application/pdf. Only refusals pass through it, and those stay JSON problems."""

    media_type = MEDIA_TYPE
    format = "pdf"


class InvoiceView(ShopView):
    """GET orders/{id}/invoice/: the stored PDF, or 202 until it is there."""

    permission_classes: list[type[BasePermission]] = [AllowAny]
    renderer_classes = [JSONRenderer, PDFNegotiation]

    @extend_schema(
        operation_id="orders_invoice_retrieve",
        tags=["orders"],
        parameters=[OpenApiParameter(ORDER_TOKEN_HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, MEDIA_TYPE): OpenApiTypes.BINARY,
            (202, "application/json"): OpenApiResponse(
                PREPARING, description="It is being made: ask again at Location after Retry-After seconds."
            ),
            409: OpenApiResponse(description="invoice_not_ready: the order is not confirmed yet, or was cancelled."),
            503: OpenApiResponse(description="storage_unavailable: where documents are kept does not answer."),
        },
        description="The same bytes every time. For the order's owner (also by order token) and admins.",
    )
    def get(self, request: Request, order_id: uuid.UUID) -> HttpResponse:
        order, invoice, document = access_invoice(principal=known_principal_of(request), order_id=order_id)
        if invoice is None:
            require_ready(order)
        data = read_document(document) if document else None
        if invoice is None or data is None:
            request_document(order_id=order_id, document=document, now=clock.now())
            return _preparing(request)
        return pdf_response(invoice, data)


def pdf_response(invoice: Invoice, data: bytes) -> HttpResponse:
    """Return a PDF as an attachment named after its invoice."""
    headers = {"Content-Disposition": f'attachment; filename="{invoice.full_number}.pdf"'}
    return HttpResponse(data, content_type=MEDIA_TYPE, headers=headers)


def _preparing(request: Request) -> HttpResponse:
    headers = {"Location": request.path, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return JsonResponse({"status": "preparing"}, status=202, headers=headers)
