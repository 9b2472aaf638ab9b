"""Routes of events and webhooks under /api/v2/."""

from django.urls import path

from apps.webhooks.api.v2 import feed, views

_ONE = "webhook-endpoints/<uuid:endpoint_id>/"

urlpatterns = [
    path("events/", feed.EventsView.as_view()),
    path("webhook-endpoints/", views.EndpointsView.as_view()),
    path(_ONE, views.EndpointView.as_view()),
    path(f"{_ONE}rotate_secret/", views.RotateSecretView.as_view()),
    path(f"{_ONE}test/", views.PingView.as_view()),
    path(f"{_ONE}deliveries/", views.DeliveriesView.as_view()),
    path(f"{_ONE}redeliver/", views.RedeliverView.as_view()),
]
