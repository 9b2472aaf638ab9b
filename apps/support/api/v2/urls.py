"""Routes of support under /api/v2/."""

from django.urls import path

from apps.support.api.v2 import views

urlpatterns = [
    path("orders/<uuid:order_id>/escalations/", views.OrderEscalationsView.as_view()),
    path("escalations/", views.EscalationsView.as_view()),
    path("escalations/<uuid:escalation_id>/", views.EscalationView.as_view()),
]
