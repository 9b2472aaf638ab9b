"""Routes of the preview under /dev/mails/."""

from django.urls import path

from apps.notifications.api import preview

urlpatterns = [
    path("", preview.preview_list, name="mail_previews"),
    path("<slug:kind>/<slug:language>/", preview.preview_mail, name="mail_preview"),
]
