"""Routes of the inbox under /api/v2/. `inbox` stands below notifications/, also unversioned (config/api_compat.py)."""

from django.urls import URLPattern, URLResolver, include, path

from apps.notifications.api.v2 import views

inbox: list[URLPattern | URLResolver] = [
    path("", views.InboxView.as_view()),
    path("mark_all_read/", views.MarkAllReadView.as_view()),
    path("unread_count/", views.UnreadCountView.as_view()),
    path("preferences/", views.PreferencesView.as_view()),
    path("<uuid:notification_id>/mark_read/", views.MarkReadView.as_view()),
]
urlpatterns = [path("notifications/", include(inbox))]
