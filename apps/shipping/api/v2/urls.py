"""Routes of shipping under /api/v2/."""

from django.urls import path

from apps.shipping.api.v2.views import ShippingMethodsView

urlpatterns = [path("shipping/methods/", ShippingMethodsView.as_view(), name="shipping-methods")]
