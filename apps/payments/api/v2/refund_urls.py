"""Routes of refunds under /api/v2/."""

from django.urls import path

from apps.payments.api.v2.refund_views import OrderRefundsView

urlpatterns = [
    path("orders/<uuid:order_id>/refunds/", OrderRefundsView.as_view()),
]
