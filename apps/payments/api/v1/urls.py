"""Routes of payments under /api/v1/. Fixed words stand before the id, which is a UUID and nothing else."""

from django.urls import path

from apps.payments.api.returns import SslcommerzReturnView
from apps.payments.api.v1.views import ProcessView
from apps.payments.api.views import AnyWebhookView, PaymentView, VerifyView, WebhookView
from apps.payments.gateways.sslcommerz_session import OUTCOMES

urlpatterns = [
    path("payments/process/", ProcessView.as_view()),
    path("payments/webhook/", AnyWebhookView.as_view()),
    path("payments/webhook/<slug:provider>/", WebhookView.as_view()),
    *[
        path(f"payments/return/sslcommerz/{outcome}/", SslcommerzReturnView.as_view(), {"outcome": outcome})
        for outcome in OUTCOMES
    ],
    path("payments/<uuid:payment_id>/", PaymentView.as_view()),
    path("payments/<uuid:payment_id>/verify/", VerifyView.as_view()),
]
