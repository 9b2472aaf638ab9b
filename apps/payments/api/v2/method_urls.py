"""Routes of saved payment methods, below each door that has them."""

from django.urls import path

from apps.payments.api.v2.methods_views import DefaultMethodView, PaymentMethodsView, PaymentMethodView, SetupView

urlpatterns = [
    path("payment-methods/", PaymentMethodsView.as_view()),
    path("payment-methods/setup/", SetupView.as_view()),
    path("payment-methods/<uuid:method_id>/", PaymentMethodView.as_view()),
    path("payment-methods/<uuid:method_id>/set_default/", DefaultMethodView.as_view()),
]
