"""Routes of payments under /api/v2/. Fixed words stand before the id, which is a UUID and nothing else."""

from django.urls import path

from apps.payments.api.v2.capture_view import CaptureView
from apps.payments.api.v2.method_urls import urlpatterns as payment_methods
from apps.payments.api.v2.views import CreateIntentView
from apps.payments.api.views import AnyWebhookView, PaymentView, VerifyView, WebhookView

urlpatterns = [
    path("payments/create_intent/", CreateIntentView.as_view()),
    path("payments/webhook/", AnyWebhookView.as_view()),
    path("payments/webhook/<slug:provider>/", WebhookView.as_view()),
    path("payments/<uuid:payment_id>/", PaymentView.as_view()),
    path("payments/<uuid:payment_id>/verify/", VerifyView.as_view()),
    path("payments/<uuid:payment_id>/capture/", CaptureView.as_view()),
    *payment_methods,
]
