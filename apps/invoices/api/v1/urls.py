"""Routes of invoices under /api/v1/."""

from django.urls import path

from apps.invoices.api.v1.views import InvoiceView

urlpatterns = [path("orders/<uuid:order_id>/invoice/", InvoiceView.as_view(), name="order-invoice")]
