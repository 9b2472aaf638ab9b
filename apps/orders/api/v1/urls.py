"""Routes of orders under /api/v1/. Fixed words stand before the id, which is a UUID and nothing else."""

from django.urls import path

from apps.orders.api.v1.checkout import CheckoutView
from apps.orders.api.v1.views import (
    CancelOrderView,
    OrderHistoryView,
    OrdersView,
    OrderView,
)

urlpatterns = [
    path("cart/checkout/", CheckoutView.as_view()),
    path("orders/", OrdersView.as_view()),
    path("orders/create/", CheckoutView.as_view()),
    path("orders/history/", OrderHistoryView.as_view()),
    path("orders/<uuid:order_id>/", OrderView.as_view()),
    path("orders/<uuid:order_id>/cancel/", CancelOrderView.as_view()),
]
